//! What is known about a part as a whole, apart from its entries.

use super::ScanError;
use super::bytes::{Budget, Bytes, UNKNOWN, code, put_number, put_text};
use crate::format::tar::path::Fault;
use crate::gzip::Summary;
use crate::open::StreamEnd;
use crate::rules::NpmModules;
use crate::survey::{Hazard, HazardKind, Place, Recorder};

/// The kinds of hazards by their codes. New ones are added at the end.
const HAZARDS: [HazardKind; 10] = [
    HazardKind::Name(Fault::Empty),
    HazardKind::Name(Fault::Nul),
    HazardKind::Name(Fault::Absolute),
    HazardKind::Name(Fault::Outside),
    HazardKind::Name(Fault::Untidy),
    HazardKind::Root,
    HazardKind::NoTarget,
    HazardKind::LostLink,
    HazardKind::NoDirectory,
    HazardKind::TwoKinds,
];

/// The memory of a text in a set or a list, apart from its bytes.
const TEXT: usize = 96;

/// Appends the end of a stream.
pub fn put_end(out: &mut Vec<u8>, end: &StreamEnd) {
    put_number(out, end.stream_bytes);
    let Some(gzip) = &end.gzip else {
        return out.push(0);
    };
    out.push(1 + u8::from(gzip.checksum_checked));
    put_number(out, gzip.members);
    put_number(out, gzip.compressed_bytes);
    put_number(out, gzip.plaintext_bytes);
    put_number(out, gzip.trailing_bytes);
    put_number(out, gzip.trailing_nonzero);
}

/// Reads the end of a stream.
pub fn take_end(bytes: &mut Bytes<'_>) -> Result<StreamEnd, ScanError> {
    let stream_bytes = bytes.number()?;
    let gzip = match bytes.byte()? {
        0 => None,
        form @ 1..=2 => Some(Summary {
            checksum_checked: form == 2,
            members: bytes.number()?,
            compressed_bytes: bytes.number()?,
            plaintext_bytes: bytes.number()?,
            trailing_bytes: bytes.number()?,
            trailing_nonzero: bytes.number()?,
        }),
        _ => return Err(UNKNOWN),
    };
    Ok(StreamEnd { stream_bytes, gzip })
}

/// Appends the location of the database.
pub fn put_recorder(out: &mut Vec<u8>, recorder: &Recorder) {
    let (form, text) = match recorder {
        Recorder::Usual => return out.push(0),
        Recorder::File(places) => {
            out.push(1);
            put_number(out, places.len() as u64);
            for place in places {
                put_text(out, place.component.as_bytes());
                put_text(out, place.path.as_bytes());
            }
            return;
        }
        Recorder::Server(host) => (2, host),
        Recorder::Elsewhere(path) => (3, path),
        Recorder::Unknown(why) => (4, why),
    };
    out.push(form);
    put_text(out, text.as_bytes());
}

/// Reads the location of the database.
pub fn take_recorder(bytes: &mut Bytes<'_>, budget: &mut Budget) -> Result<Recorder, ScanError> {
    Ok(match bytes.byte()? {
        0 => Recorder::Usual,
        1 => {
            let count = bytes.number()?;
            let place = |_| {
                let component = text(bytes, budget)?;
                let component = Place::component(&component).ok_or(UNKNOWN)?;
                let path = text(bytes, budget)?;
                Ok::<_, ScanError>(Place { component, path })
            };
            Recorder::File((0..count).map(place).collect::<Result<_, ScanError>>()?)
        }
        2 => Recorder::Server(text(bytes, budget)?),
        3 => Recorder::Elsewhere(text(bytes, budget)?),
        4 => Recorder::Unknown(text(bytes, budget)?),
        _ => return Err(UNKNOWN),
    })
}

/// The next text, which must be UTF-8.
fn text(bytes: &mut Bytes<'_>, budget: &mut Budget) -> Result<String, ScanError> {
    let text = bytes.text()?;
    budget.spend(1, text.len() + TEXT)?;
    let text = std::str::from_utf8(text);
    text.map(str::to_owned)
        .map_err(|_| ScanError::Damaged("a text in it is not UTF-8"))
}

/// Appends the modules of an add-on.
pub fn put_modules(out: &mut Vec<u8>, modules: &NpmModules) {
    put_number(out, modules.folders().count() as u64);
    for (folder, names) in modules.folders() {
        put_text(out, folder);
        put_number(out, names.len() as u64);
        names.iter().for_each(|name| put_text(out, name.as_bytes()));
    }
}

/// Reads the modules of an add-on.
pub fn take_modules(bytes: &mut Bytes<'_>, budget: &mut Budget) -> Result<NpmModules, ScanError> {
    let mut modules = NpmModules::default();
    for _ in 0..bytes.number()? {
        let folder = bytes.text()?;
        budget.spend(1, folder.len() + TEXT)?;
        let count = bytes.number()?;
        let names = (0..count).map(|_| text(bytes, budget));
        modules.insert(folder, names.collect::<Result<_, _>>()?);
    }
    Ok(modules)
}

/// Appends the hazards.
pub fn put_hazards(out: &mut Vec<u8>, hazards: &[Hazard]) {
    put_number(out, hazards.len() as u64);
    for hazard in hazards {
        put_number(out, hazard.entry as u64);
        put_number(out, hazard.with.map_or(0, |with| with as u64 + 1));
        out.push(code(&HAZARDS, &hazard.kind));
    }
}

/// Reads the hazards of a part with this many entries.
pub fn take_hazards(
    bytes: &mut Bytes<'_>,
    budget: &mut Budget,
    entries: usize,
) -> Result<Vec<Hazard>, ScanError> {
    let count = bytes.number()?;
    budget.spend(count, size_of::<Hazard>())?;
    let hazard = |_| {
        Ok(Hazard {
            entry: bytes.index(entries)?,
            with: bytes.index(entries + 1)?.checked_sub(1),
            kind: bytes.value(&HAZARDS)?,
        })
    };
    (0..count).map(hazard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back<T>(
        put: impl Fn(&mut Vec<u8>),
        take: impl Fn(&mut Bytes<'_>, &mut Budget) -> Result<T, ScanError>,
    ) -> T {
        let mut out = Vec::new();
        put(&mut out);
        let mut bytes = Bytes(&out);
        let taken = take(&mut bytes, &mut Budget::of(u64::MAX)).unwrap();
        bytes.end().unwrap();
        taken
    }

    #[test]
    fn every_location_of_the_database_reads_back() {
        let place = |component, path: &str| Place {
            component,
            path: path.into(),
        };
        for recorder in [
            Recorder::Usual,
            Recorder::File(Vec::new()),
            Recorder::File(vec![
                place("share", "a.db"),
                place("homeassistant", "b/c.db"),
            ]),
            Recorder::Server("core-mariadb".into()),
            Recorder::Elsewhere("/tmp/a.db".into()),
            Recorder::Unknown("`db_url` is no URL".into()),
        ] {
            let again = back(|out| put_recorder(out, &recorder), take_recorder);
            assert_eq!(again, recorder);
        }
    }

    #[test]
    fn the_modules_and_the_hazards_read_back() {
        let mut modules = NpmModules::default();
        modules.read(b"config", br#"{"dependencies":{"a":"1","@b/c":"2"}}"#);
        modules.read(b"data", b"{}");
        assert_eq!(
            back(|out| put_modules(out, &modules), take_modules),
            modules
        );
        let hazards: Vec<Hazard> = HAZARDS
            .into_iter()
            .enumerate()
            .map(|(entry, kind)| Hazard {
                entry,
                with: (entry % 2 == 0).then_some(entry / 2),
                kind,
            })
            .collect();
        let take = |bytes: &mut Bytes<'_>, budget: &mut Budget| take_hazards(bytes, budget, 10);
        assert_eq!(back(|out| put_hazards(out, &hazards), take), hazards);
    }

    #[test]
    fn a_hazard_of_an_entry_that_is_not_there_is_an_error() {
        let hazard = Hazard {
            entry: 1,
            with: Some(3),
            kind: HazardKind::TwoKinds,
        };
        let mut out = Vec::new();
        put_hazards(&mut out, &[hazard]);
        for (entries, fits) in [(1, false), (3, false), (4, true)] {
            let read = take_hazards(&mut Bytes(&out), &mut Budget::of(1000), entries);
            assert_eq!(read.is_ok(), fits, "{entries}");
        }
    }

    proptest! {
        #[test]
        fn the_end_of_a_stream_reads_back(numbers: [u64; 6], checked: bool, plain: bool) {
            let [stream_bytes, members, compressed_bytes, plaintext_bytes, trailing_bytes, trailing_nonzero] = numbers;
            let gzip = (!plain).then_some(Summary {
                members,
                compressed_bytes,
                plaintext_bytes,
                trailing_bytes,
                trailing_nonzero,
                checksum_checked: checked,
            });
            let end = StreamEnd { stream_bytes, gzip };
            let again = back(|out| put_end(out, &end), |bytes, _| take_end(bytes));
            prop_assert_eq!((again.stream_bytes, again.gzip), (end.stream_bytes, end.gzip));
        }

        #[test]
        fn any_bytes_are_facts_or_an_error(bytes: Vec<u8>) {
            let mut budget = Budget::of(10_000);
            let _ = take_recorder(&mut Bytes(&bytes), &mut budget);
            let _ = take_modules(&mut Bytes(&bytes), &mut budget);
            let _ = take_hazards(&mut Bytes(&bytes), &mut budget, 3);
            prop_assert!(budget.spent() <= 10_000);
        }
    }
}
