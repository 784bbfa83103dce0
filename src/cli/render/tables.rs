//! Tables of parts, for people.

use std::io::stdout;

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

use haslim::open::Backup;
use haslim::plan::Action;
use haslim::report::plan_view::PlanView;
use haslim::report::words;
use haslim::size;

use crate::cli::terminal::wrap;

/// One line under the headings and no others, so that the table is easy to read and paste.
fn style() -> TableStyle {
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'))
}

/// The width of tables that are not printed on a terminal.
const WIDTH: usize = 110;

/// The minimum width of a column of text, unless its longest word is shorter.
const LONG_WORD: usize = 20;

/// The space after the contents of a cell; another one separates two columns.
const PADDING: u16 = 1;

pub fn new(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(style())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.to_vec());
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, PADDING));
    });
    table.set_width(u16::try_from(wrap::width(stdout()).unwrap_or(WIDTH)).unwrap_or(u16::MAX));
    table
}

/// A finished table as text. Only the columns `words` are wrapped, between words. If that is too
/// wide, columns are left out, in the order of `spare`.
fn fitted(mut table: Table, words: &[usize], spare: &[usize]) -> String {
    let contents = table.column_max_content_widths();
    let least = |(at, &content): (usize, &u16)| {
        let content = if words.contains(&at) {
            content.min(longest_word(&table, at))
        } else {
            content
        };
        content.saturating_add(PADDING)
    };
    let least: Vec<u16> = contents.iter().enumerate().map(least).collect();
    let needed = |hidden: &[usize]| -> u64 {
        let shown = least
            .iter()
            .enumerate()
            .filter(|(at, _)| !hidden.contains(at));
        shown.map(|(_, width)| u64::from(*width) + 1).sum()
    };
    let room = table.width().map_or(u64::MAX, |width| u64::from(width) + 1);
    let mut hidden: &[usize] = &[];
    while needed(hidden) > room
        && let Some(more) = spare.get(..hidden.len() + 1)
    {
        hidden = more;
    }
    let constraints: Vec<ColumnConstraint> = least
        .iter()
        .enumerate()
        .map(|(at, least)| {
            if hidden.contains(&at) {
                ColumnConstraint::Hidden
            } else if words.contains(&at) {
                ColumnConstraint::LowerBoundary(Width::Fixed(*least))
            } else {
                ColumnConstraint::ContentWidth
            }
        })
        .collect();
    table.set_constraints(constraints);
    table.trim_fmt()
}

fn longest_word(table: &Table, column: usize) -> u16 {
    let cells = table
        .row_iter()
        .filter_map(|row| row.cell_iter().nth(column))
        .map(Cell::content);
    let longest = cells
        .flat_map(|text| {
            text.split_whitespace()
                .map(|word| word.chars().count())
                .max()
        })
        .max()
        .unwrap_or(0);
    u16::try_from(longest.min(LONG_WORD)).unwrap_or_default()
}

pub fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Part indices, the largest part first.
pub fn by_size(backup: &Backup) -> Vec<usize> {
    let mut order: Vec<usize> = (0..backup.parts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(backup.stored(&backup.parts[at])));
    order
}

/// `plan`: what happens to each part.
///
/// On a narrow terminal, the bars are left out first, then the notes on a restore. Below the table,
/// these are printed in full for each drop.
pub fn plan(backup: &Backup, view: &PlanView<'_>) -> String {
    let plan = view.plan;
    let mut table = new(&[
        "Part",
        "Size now",
        "Of limit",
        "",
        "What",
        "Why",
        "On restore",
    ]);
    let largest = backup
        .parts
        .iter()
        .map(|p| backup.stored(p))
        .max()
        .unwrap_or(1);
    for at in by_size(backup) {
        let (part, planned) = (&backup.parts[at], &plan.parts[at]);
        let stored = backup.stored(part);
        let mut effects: Vec<&str> = plan
            .drops
            .iter()
            .filter(|dropped| dropped.part == Some(at))
            .map(|row| row.effect.short())
            .collect();
        let on_restore = match planned.action {
            Action::Copy | Action::Reencrypt | Action::Rewrite => "as before".into(),
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
            Cell::new(words::action(part, planned, &plan.encryption)),
            Cell::new(&view.reasons[at]),
            Cell::new(on_restore),
        ]);
    }
    fitted(table, &[5, 6], &[3, 6, 2])
}

/// A bar of up to ten blocks. The largest part gets all ten.
fn bar(stored: u64, largest: u64) -> String {
    let blocks = (u128::from(stored) * 10).div_ceil(u128::from(largest.max(1)));
    "▇".repeat(usize::try_from(blocks).unwrap_or(10).min(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(id: &str, width: u16) -> String {
        let mut table = new(&["Part", "Bar", "Why"]);
        table.add_row(vec![
            id,
            "▇▇▇▇▇▇▇▇▇▇",
            "a sentence that is long enough to be broken",
        ]);
        table.set_width(width);
        fitted(table, &[2], &[1])
    }

    #[test]
    fn an_id_stays_whole_however_narrow_the_terminal() {
        for id in [
            "media",
            "addon:5c53de3b_esphome",
            "addon:0123abcd_a-very-long-slug-that-somebody-chose-for-it",
        ] {
            for width in 20..120 {
                let text = table(id, width);
                assert!(
                    text.lines().any(|line| line.starts_with(id)),
                    "{width}:\n{text}"
                );
                assert!(
                    ["sentence", "enough", "broken"]
                        .iter()
                        .all(|word| text.contains(word)),
                    "{width}:\n{text}"
                );
            }
        }
    }

    #[test]
    fn the_bar_goes_before_the_words_get_no_room() {
        assert!(table("addon:5c53de3b_esphome", 80).contains('▇'));
        assert!(!table("addon:5c53de3b_esphome", 40).contains('▇'));
        assert!(
            table("addon:5c53de3b_esphome", 40)
                .lines()
                .all(|line| line.chars().count() <= 40)
        );
    }
}
