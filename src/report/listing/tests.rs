use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::plan::tests::sketch::Sketch;

const ALL: Shape = Shape {
    depth: usize::MAX / 2,
    top: usize::MAX,
    fold: false,
    sort: Sort::Size,
};

fn with<T>(sketch: &Sketch, look: impl FnOnce(&Backup, &Contents<'_>) -> T) -> T {
    let (backup, surveys) = sketch.build();
    let control = Control::default();
    let contents = Contents::new(&backup, &surveys, &control).unwrap();
    look(&backup, &contents)
}

/// The rows as `LEVEL NAME MARK`.
fn shown(backup: &Backup, listing: &Listing) -> Vec<String> {
    let row = |row: &Row| {
        let name = match &row.what {
            What::Whole => "backup".to_owned(),
            What::Found(count) => format!("{count} found"),
            What::Part { place, .. } | What::Path { place, .. } => place.text(backup),
            What::Alike {
                first, count, days, ..
            } => format!("{} x{count} days={days}", first.text(backup)),
            What::More { count, .. } => format!("{count} more"),
        };
        let mark = row.mark.map_or("-", Mark::word);
        format!("{} {name} {mark}", row.level)
    };
    listing.rows.iter().map(row).collect()
}

fn tree(sketch: &Sketch, shape: &Shape) -> Vec<String> {
    with(sketch, |backup, contents| {
        shown(backup, &contents.tree(None, shape).unwrap())
    })
}

#[test]
fn chains_are_joined_and_alike_and_small_ones_folded() {
    let days = (1..=5).flat_map(|day| {
        (0..2).map(move |n| {
            let path = format!("frigate/recordings/2026-11-0{day}/{n}.mp4");
            (path, 384_000)
        })
    });
    let films = [
        ("family/2024/wedding.mp4".to_owned(), 900_000),
        ("family/2024/birthday.mp4".to_owned(), 300_000),
    ];
    let sketch = Sketch::new("homeassistant: configuration.yaml 0; ssl: key.pem 0")
        .part("media", days.chain(films))
        .part("share", [("jellyfin/metadata/a.jpg".to_owned(), 600_000)]);
    let shape = Shape {
        depth: 2,
        top: 10,
        fold: true,
        sort: Sort::Size,
    };
    assert_eq!(
        tree(&sketch, &shape),
        [
            "0 backup -",
            "1 media -",
            "2 media:frigate/recordings/ recordings",
            "3 media:frigate/recordings/2026-11-01/ x5 days=true recordings",
            "2 media:family/2024/ yours",
            "3 media:family/2024/wedding.mp4 yours",
            "3 media:family/2024/birthday.mp4 yours",
            "1 share:jellyfin/metadata/a.jpg cache",
            "1 2 more -",
        ]
    );
}

#[test]
fn a_folder_with_entries_of_its_own_is_joined_too() {
    let sketch = Sketch::new("share: a/, a/b/, a/b/x 5, a/b/y 4");
    let rows = tree(&sketch, &ALL);
    assert_eq!(rows.get(1).unwrap(), "1 share:a/b/ yours");
    assert_eq!(rows.len(), 4);
}

#[test]
fn top_hides_the_smallest_and_depth_the_deepest() {
    let sketch = Sketch::new("media: a/x 9, a/y 8, a/z 7, b 6, c 5, d 4");
    let shape = Shape {
        depth: 1,
        top: 2,
        ..ALL
    };
    assert_eq!(
        tree(&sketch, &shape),
        [
            "0 backup -",
            "1 media yours",
            "2 media:a/ yours",
            "2 media:b yours",
            "2 2 more yours"
        ]
    );
}

#[test]
fn rows_are_sorted_as_asked() {
    let sketch = Sketch::new("media: b/x 1, b/y 1, c 9, a 5");
    let names = |sort| {
        let shape = Shape {
            depth: 1,
            sort,
            ..ALL
        };
        let rows = tree(&sketch, &shape);
        let name = |row: &String| row.split(' ').nth(1).unwrap().replace("media:", "");
        rows.iter().skip(2).map(name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(Sort::Size), "c a b/");
    assert_eq!(names(Sort::Name), "a b/ c");
    assert_eq!(names(Sort::Count), "b/ a c");
}

#[test]
fn the_newest_comes_first_by_date_and_a_folder_is_as_new_as_its_newest() {
    let (backup, mut surveys) = Sketch::new("media: a/x 1, a/y 1, b 9").build();
    for (entry, time) in surveys[0].entries.iter_mut().skip(1).zip([10, 30, 20]) {
        entry.mtime = time;
    }
    let control = Control::default();
    let contents = Contents::new(&backup, &surveys, &control).unwrap();
    let shape = Shape {
        sort: Sort::Date,
        ..ALL
    };
    let listing = contents.tree(None, &shape).unwrap();
    let rows: Vec<_> = listing.rows.iter().map(|row| row.totals.newest).collect();
    assert_eq!(rows, [30, 30, 30, 30, 10, 20].map(Some));
}

#[test]
fn several_thousand_folders_are_listed_at_once() {
    let files = (0..20_000).map(|n| (format!("d{}/e{n}/f", n % 5000), 100));
    let sketch = Sketch::new("share: x 1").part("media", files);
    let rows = tree(&sketch, &ALL);
    assert_eq!(rows.len(), 1 + 2 + 5000 + 20_000);
}

#[test]
fn a_glob_matches_names_at_any_depth_and_paths_from_the_root() {
    let inside = "media: a/x.mp4 3, a/b/x.mp4 2, x.txt 1; share: a/x.mp4 4";
    let found = |glob: &str| {
        with(&Sketch::new(inside), |backup, contents| {
            let find = Find::parse(glob, backup).unwrap();
            shown(backup, &contents.found(None, &find, &ALL).unwrap())[1..].join(", ")
        })
    };
    let all = "1 share:a/x.mp4 yours, 1 media:a/x.mp4 yours, 1 media:a/b/x.mp4 yours";
    assert_eq!(found("*.mp4"), all);
    assert_eq!(found("media:*.txt"), "1 media:x.txt yours");
    assert_eq!(found("m*:a/*.mp4"), "1 media:a/x.mp4 yours");
    assert_eq!(found("a"), "1 media:a/ yours, 1 share:a/ yours");
    assert_eq!(found("media:a"), "1 media:a/ yours");
    assert_eq!(found("nothing"), "");
}

#[test]
fn an_empty_glob_is_refused() {
    let (backup, _) = Sketch::new("media: a 1").build();
    for glob in ["", "/", "media:", "["] {
        assert_eq!(
            Find::parse(glob, &backup).unwrap_err().kind(),
            crate::Kind::Usage,
            "{glob}"
        );
    }
}

/// The same without the rules, which take longer to compile than everything else.
fn unmarked<'a>(
    backup: &'a Backup,
    surveys: &'a [PartSurvey],
    control: &'a Control,
) -> Contents<'a> {
    let kinds = surveys.iter().map(|survey| vec![0; survey.entries.len()]);
    Contents {
        backup,
        surveys,
        kinds: kinds.collect(),
        control,
    }
}

/// Paths of files, none of which is also a folder.
fn paths() -> impl Strategy<Value = BTreeSet<String>> {
    let any = prop::collection::btree_set("[ab]{1,2}(/[abc.]{1,2}x){0,4}", 1..40);
    any.prop_map(|paths| {
        let is_folder = |path: &String| {
            let below = format!("{path}/");
            paths.iter().any(|other| other.starts_with(&below))
        };
        paths
            .iter()
            .filter(|path| !is_folder(path))
            .cloned()
            .collect()
    })
}

fn sketch(paths: &BTreeSet<String>) -> Sketch {
    let sized = paths.iter().enumerate();
    let files = sized.map(|(at, path)| (path.clone(), 100 + 37 * (at as u64 % 7)));
    Sketch::new("share: y 1; ssl: z 2").part("media", files)
}

/// The rows directly below the row with this number.
fn below(rows: &[Row], at: usize) -> Vec<&Row> {
    let level = rows[at].level;
    rows[at + 1..]
        .iter()
        .take_while(|row| row.level > level)
        .filter(|row| row.level == level + 1)
        .collect()
}

proptest! {
    #[test]
    fn what_is_below_a_row_adds_up_to_it(
        paths in paths(),
        depth in 0usize..5,
        top in 1usize..6,
        fold: bool,
        sort in prop::sample::select(vec![Sort::Size, Sort::Name, Sort::Count, Sort::Date]),
    ) {
        let shape = Shape { depth, top, fold, sort };
        let (backup, surveys) = sketch(&paths).build();
        let control = Control::default();
        let contents = unmarked(&backup, &surveys, &control);
        let rows = contents.tree(None, &shape).unwrap().rows;
        let stored: u64 = backup.parts.iter().map(|part| backup.stored(part)).sum();
        let parts: u64 = below(&rows, 0).iter().map(|row| row.totals.stored).sum();
        prop_assert_eq!(parts, stored);
        for (at, row) in rows.iter().enumerate().skip(1) {
            let rows = below(&rows, at);
            if rows.is_empty() {
                continue;
            }
            prop_assert!(rows.len() <= top + 1);
            let mut sum = Totals::default();
            rows.iter().for_each(|row| sum.join(&row.totals));
            let own = match &row.what {
                What::Part { place, .. } => {
                    let entries = surveys[place.part].entries.iter();
                    backup.stored(backup.part(place.part)) - entries.map(|e| e.stored).sum::<u64>()
                }
                _ => 0,
            };
            prop_assert_eq!(row.totals.stored, sum.stored + own);
            prop_assert_eq!(row.totals.files, sum.files);
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "globset's own matcher is the oracle; no path here contains a backslash")]
    fn a_glob_finds_what_a_naive_filter_finds(
        paths in paths(),
        glob in "([ab*?]{1,3}|\\*\\*)(/([abcx.*?]{1,3}|\\*\\*)){0,2}",
    ) {
        let whole = if glob.contains('/') { glob.clone() } else { format!("**/{glob}") };
        let naive = globset::GlobBuilder::new(&whole).literal_separator(true).build();
        let Ok(naive) = naive.map(|glob| glob.compile_matcher()) else { return Ok(()) };
        let (backup, surveys) = sketch(&paths).build();
        let control = Control::default();
        let contents = unmarked(&backup, &surveys, &control);
        let find = Find::parse(&format!("media:{glob}"), &backup).unwrap();
        let listed = |listing: Listing| -> Vec<(String, u64)> {
            let rows = listing.rows.iter().skip(1);
            rows.map(|row| (row.place().unwrap().text(&backup), row.totals.files)).collect()
        };
        let prefixes = |path: &str| -> Vec<String> {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            ends.map(|end| path[..end].to_owned()).collect()
        };
        let first = |path: &String| prefixes(path).into_iter().find(|path| naive.is_match(path));
        let hits: BTreeSet<String> = paths.iter().filter_map(first).collect();
        let files: BTreeSet<String> = paths.iter().filter(|path| first(path).is_some()).map(|path| format!("media:{path}")).collect();
        let flat = contents.files(None, Some(&find), &ALL).unwrap();
        let sum = flat.rows[0].totals;
        let flat: BTreeSet<String> = listed(flat).into_iter().map(|(path, _)| path).collect();
        prop_assert_eq!(&flat, &files);
        let found = contents.found(None, &find, &ALL).unwrap();
        prop_assert_eq!(found.rows[0].totals, sum);
        let found: BTreeSet<String> = listed(found).into_iter().map(|(path, _)| path.trim_end_matches('/').to_owned()).collect();
        prop_assert_eq!(found, hits.into_iter().map(|path| format!("media:{path}")).collect());
    }
}
