//! Tables of parts, for people.

use std::io::IsTerminal;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use haslim::open::Backup;
use haslim::plan::{Action, Plan};
use haslim::report::words;
use haslim::size;

/// A line under the headings and nothing else, to be read and to be pasted.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The width of tables that nobody looks at on a terminal.
const WIDTH: u16 = 110;

pub fn new(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings.to_vec());
    if !std::io::stdout().is_terminal() {
        table.set_width(WIDTH);
    }
    table
}

pub fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Part indices, the largest first.
pub fn by_size(backup: &Backup) -> Vec<usize> {
    let mut order: Vec<usize> = (0..backup.parts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(backup.stored(&backup.parts[at])));
    order
}

/// `info`: what is inside.
pub fn parts(backup: &Backup, limit: u64) -> Table {
    let mut table = new(&["Part", "Size", "Share of limit", "Encryption"]);
    for at in by_size(backup) {
        let part = &backup.parts[at];
        let stored = backup.stored(part);
        table.add_row(vec![
            Cell::new(&part.id),
            right(size::decimal(stored)),
            right(words::share(stored, limit)),
            Cell::new(part.version().map_or("none".into(), |v| format!("SecureTar v{}", v.number()))),
        ]);
    }
    table
}

/// `plan`: what happens to each part.
pub fn plan(backup: &Backup, plan: &Plan) -> Table {
    let mut table = new(&["Part", "Size now", "Share of limit", "", "What", "Why", "On restore"]);
    let largest = backup.parts.iter().map(|p| backup.stored(p)).max().unwrap_or(1);
    for at in by_size(backup) {
        let (part, planned) = (&backup.parts[at], &plan.parts[at]);
        let stored = backup.stored(part);
        let mut effects: Vec<&str> = plan.drops.iter().filter(|row| row.component == part.id).map(|row| row.effect.short()).collect();
        let on_restore = match planned.action {
            Action::Copy | Action::Rewrap => "as before".into(),
            Action::Cut(ref cut) if cut.is_empty() => "as before".into(),
            _ => {
                effects.sort_unstable();
                effects.dedup();
                effects.join(", ")
            }
        };
        table.add_row(vec![
            Cell::new(&part.id),
            right(size::decimal(stored)),
            right(words::share(stored, plan.limit)),
            Cell::new(bar(stored, largest)),
            Cell::new(words::action(&planned.action)),
            Cell::new(&planned.why),
            Cell::new(on_restore),
        ]);
    }
    table
}

/// A bar of up to ten blocks: the largest part has them all.
fn bar(stored: u64, largest: u64) -> String {
    let blocks = (u128::from(stored) * 10).div_ceil(u128::from(largest.max(1)));
    "▇".repeat(usize::try_from(blocks).unwrap_or(10).min(10))
}
