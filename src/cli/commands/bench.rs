//! `haslim bench`: how fast this machine is, and backups to find out with.

use std::path::{Path, PathBuf};

use comfy_table::Cell;
use haslim::bench::make::{self, Recipe};
use haslim::bench::{self, Measure, Options, Report};
use haslim::crypt::{KeyRing, Password};
use haslim::format::secure::Version;
use haslim::open::Backup;
use haslim::plan::Selector;
use haslim::report::json;
use haslim::rewrite::{Output, OutputPath};
use haslim::{Error, Kind, Result, size};

use super::shrink::shown;
use crate::cli::args::{Bench, Wrapping};
use crate::cli::key::Need;
use crate::cli::render::tables;
use crate::cli::{DONE, Session, key, small_file};

/// Bytes of the backup that is made when none is given: enough for steady rates.
const OWN: u64 = 64_000_000;

/// Measures, or makes.
pub fn run(session: &Session, choice: &Bench) -> Result<u8> {
    let done = match (choice.make, &choice.file) {
        (Some(size), Some(path)) => made(session, choice, size, path),
        (_, file) => measured(session, choice, file.as_deref()),
    };
    // There is no -o here.
    done.map_err(
        |error| match error.next_step().map(|step| step.replace(" with -o", "")) {
            Some(step) => error.advice(step),
            None => error,
        },
    )
}

/// Writes a backup of about `size` bytes.
fn made(session: &Session, choice: &Bench, size: u64, path: &Path) -> Result<u8> {
    let keys = key::given(
        session,
        Need::must_if(matches!(
            choice.securetar,
            Some(Wrapping::Two | Wrapping::Three)
        )),
    )?
    .map(KeyRing::new);
    let version = match choice.securetar {
        Some(Wrapping::Two) => Some(Version::V2),
        Some(Wrapping::Three) => Some(Version::V3),
        Some(Wrapping::None) => None,
        None => keys.as_ref().map(|_| Version::V3),
    };
    let protection = match (version, &keys) {
        (None, _) => None,
        (Some(version), Some(keys)) => Some((version, keys)),
        (Some(_), None) => {
            return Err(
                Error::new(Kind::Password, "an encrypted backup needs a key")
                    .advice("Give one with --password-file, --emergency-kit or HASLIM_PASSWORD."),
            );
        }
    };
    let mut target = OutputPath::check_alone(path, choice.force)?;
    target.check_space(size)?;
    let mut output = target.create()?;
    make::make(
        Recipe {
            size,
            seed: choice.seed.unwrap_or(0),
        },
        protection,
        &mut output,
        &session.control,
    )?;
    output.sync()?;
    session.control.check()?;
    let size = output.position();
    let path = output.publish()?;
    session.published();
    if session.common.json {
        session.screen.json(&json::made(&path, size));
    } else {
        session
            .screen
            .say(&format!("Made {}, {}", shown(&path), size::both(size)));
    }
    Ok(DONE)
}

/// Measures on a backup, or on one of its own.
fn measured(session: &Session, choice: &Bench, file: Option<&Path>) -> Result<u8> {
    let earlier = choice
        .compare
        .as_deref()
        .map(|path| Report::parse(&small_file::RESULT.read(path, &session.control)?))
        .transpose()?;
    let folder = choice.write.clone().unwrap_or_else(std::env::temp_dir);
    let drops = choice
        .drop
        .iter()
        .map(|text| Selector::parse(text))
        .collect::<Result<Vec<_>>>()?;
    let (backup, keys) = match file {
        Some(path) => given(session, path)?,
        None => own(session, &folder)?,
    };
    let save = choice
        .save
        .as_deref()
        .map(|path| OutputPath::check(path, choice.force, &backup.input))
        .transpose()?;
    let options = Options {
        folder: &folder,
        copy: choice.write.is_some().then_some(drops),
    };
    let report = bench::run(&backup, keys.as_ref(), &options, &session.control)?;
    if file.is_some() {
        backup.input.check_unchanged()?;
    }
    let kept = save
        .map(|target| keep(session, target, &report))
        .transpose()?;
    show(session, &report, earlier.as_ref(), &folder);
    if let Some(path) = kept.filter(|_| !session.common.json) {
        session.screen.say(&format!("Kept in {}", shown(&path)));
    }
    Ok(DONE)
}

fn given(session: &Session, path: &Path) -> Result<(Backup, Option<KeyRing>)> {
    let backup = session.open(path)?;
    let keys = key::required(session, &backup)?;
    Ok((backup, keys))
}

/// A backup that has no name and is gone when it is closed, under a key that nobody needs.
fn own(session: &Session, folder: &Path) -> Result<(Backup, Option<KeyRing>)> {
    let keys = KeyRing::new(Password::new("bench".into()));
    let mut output = Output::scratch(folder)?;
    make::make(
        Recipe { size: OWN, seed: 0 },
        Some((Version::V3, &keys)),
        &mut output,
        &session.control,
    )?;
    Ok((
        Backup::read(output.read_back()?, &session.control)?,
        Some(keys),
    ))
}

fn keep(session: &Session, target: OutputPath, report: &Report) -> Result<PathBuf> {
    let mut output = target.create()?;
    let text = serde_json::to_vec_pretty(report)
        .map_err(|e| Error::new(Kind::Internal, "cannot write the result").caused_by(e))?;
    output.append(&text)?;
    output.sync()?;
    output.publish().inspect(|_| session.published())
}

fn show(session: &Session, report: &Report, earlier: Option<&Report>, folder: &Path) {
    let screen = &session.screen;
    if let Some(earlier) = earlier {
        report
            .differences(earlier)
            .iter()
            .for_each(|difference| screen.warn(&format!("{difference}.")));
    }
    if session.common.json {
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
    screen.say(&format!(
        "{}, {} threads",
        report.machine.processor, report.machine.threads
    ));
    screen.say(&screen.bold("\nStage by stage"));
    screen.as_is(&table(&report.stages, earlier, Some(report)));
    screen.say(&screen.bold("\nThe whole"));
    screen.as_is(&table(&report.whole, earlier, None));
    let memory = size::binary(report.machine.peak_memory);
    screen.say(&format!(
        "\nWritten to {}, into files that are gone now. At most {memory} of memory were in use.",
        shown(folder)
    ));
}

/// A line for each measure; `stages` is the report that shares are shares of.
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
