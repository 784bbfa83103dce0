//! Measurements in a form for people.

use std::path::Path;

use comfy_table::Cell;
use haslim::bench::{self, Measure, Report};
use haslim::report::json;
use haslim::size;

use super::{escaped_path, tables};
use crate::cli::session::Session;

/// Prints the machine, each stage and the whole; as JSON if requested.
pub fn report(session: &Session, report: &Report, earlier: Option<&Report>, folder: &Path) {
    let screen = &session.screen;
    if let Some(earlier) = earlier {
        report
            .differences(earlier)
            .iter()
            .for_each(|difference| screen.warn(&format!("{difference}.")));
    }
    if session.settings.json {
        screen.json(&json::bench(report, earlier));
        return;
    }
    let bench::Sample {
        size,
        parts,
        entries,
        plaintext_bytes,
        securetar,
    } = &report.backup;
    let wrapping = securetar.map_or("not encrypted".into(), |version| {
        format!("SecureTar v{version}")
    });
    screen.say(&format!(
        "{}, {wrapping}, {parts} parts with {entries} entries in {} of contents",
        size::decimal(*size),
        size::decimal(*plaintext_bytes)
    ));
    let threads = format!("{} threads", report.machine.threads);
    screen.say(&match report.machine.processor.as_str() {
        "" => threads,
        processor => format!("{processor}, {threads}"),
    });
    screen.say(&screen.bold("\nStage by stage"));
    screen.as_is(&table(&report.stages, earlier, Some(report)));
    screen.say(&screen.bold("\nThe whole"));
    screen.as_is(&table(&report.whole, earlier, None));
    let memory = match report.machine.peak_memory {
        0 => String::new(),
        bytes => format!(" Peak memory: {}.", size::binary(bytes)),
    };
    screen.say(&format!(
        "\nWritten to {}, into files that have been deleted.{memory}",
        escaped_path(folder)
    ));
}

/// A line for each measure. `stages` is the report that the shares refer to.
fn table(measures: &[Measure], earlier: Option<&Report>, stages: Option<&Report>) -> String {
    let mut headings = vec![
        "",
        "Threads",
        "Stored",
        "Contents",
        "Time",
        "Stored MB/s",
        "Contents MB/s",
    ];
    headings.extend(stages.map(|_| "Share"));
    headings.extend(earlier.map(|_| "Against before"));
    let mut table = tables::new(&headings);
    for measure in measures {
        let contents = measure.plaintext_bytes > 0;
        let or_dash = |text: String| if contents { text } else { "-".into() };
        let mut row = vec![
            Cell::new(&measure.name),
            tables::right(measure.threads),
            tables::right(size::decimal(measure.stored_bytes)),
            tables::right(or_dash(size::decimal(measure.plaintext_bytes))),
            tables::right(format!("{:.3} s", measure.seconds)),
            tables::right(format!("{:.0}", measure.stored_rate() / 1e6)),
            tables::right(or_dash(format!("{:.0}", measure.plaintext_rate() / 1e6))),
        ];
        row.extend(
            stages.map(|report| tables::right(format!("{:.1} %", 100.0 * report.share(measure)))),
        );
        row.extend(earlier.map(|earlier| {
            tables::right(
                Report::gain(measure, earlier).map_or("-".into(), |gain| format!("{gain:.2}×")),
            )
        }));
        table.add_row(row);
    }
    table.trim_fmt()
}
