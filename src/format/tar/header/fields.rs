//! Combines the blocks of one header: which name, kind and size count, and what is refused because
//! readers disagree about it.

use super::Long;
use crate::format::tar::block::{EntryKind, HeaderBlock, TarError};
use crate::format::tar::pax::{self, Record};

/// If a PAX record and a GNU block say the same thing, Python takes the one that comes first.
pub(super) fn pick(
    pax: &[Record],
    key: &[u8],
    gnu: Option<Long>,
    plain: impl FnOnce() -> Result<Vec<u8>, TarError>,
) -> Result<Vec<u8>, TarError> {
    // Of repeated records the last one counts (POSIX pax).
    let record = pax
        .iter()
        .rev()
        .find(|(k, _)| k == key)
        .map(|(_, value)| value.clone());
    match (record, gnu) {
        (
            Some(record),
            Some(Long {
                after_pax: true, ..
            })
            | None,
        ) => Ok(record),
        (_, Some(gnu)) => Ok(gnu.text),
        (None, None) => plain(),
    }
}

pub(super) fn kind_of(view: HeaderBlock<'_>, alone: bool) -> Result<EntryKind, TarError> {
    match view.flag() {
        // Before ustar, a trailing slash marked a directory. Python up to 3.13 still checks it
        // after an extended header, later versions do not.
        b'\0' if view.short_name().ends_with(b"/") => match alone {
            true => Ok(EntryKind::Directory),
            false => Err(TarError::refused(
                "a file whose short name ends in a slash: some readers make it a directory",
            )),
        },
        b'0' | b'7' | b'\0' => Ok(EntryKind::File),
        b'1' => Ok(EntryKind::HardLink),
        b'2' => Ok(EntryKind::Symlink),
        b'3' | b'4' | b'6' => Ok(EntryKind::Special),
        b'5' => Ok(EntryKind::Directory),
        b'S' => Err(TarError::refused(
            "a GNU sparse file, which haslim does not read",
        )),
        other => Err(TarError::refused(format!(
            "an entry of the unknown type '{}'",
            crate::error::escape(&[other])
        ))),
    }
}

/// The name without the trailing slash of a directory.
pub(super) fn without_slash(kind: EntryKind, mut name: Vec<u8>) -> Result<Vec<u8>, TarError> {
    if name.ends_with(b"/") && kind != EntryKind::Directory {
        return Err(TarError::refused(
            "a file whose name ends in a slash: some readers make it a directory",
        ));
    }
    // Python removes one slash from a GNU long name, and all from any other name.
    if name.ends_with(b"//") {
        return Err(TarError::refused(
            "a directory whose name ends in two slashes: readers disagree about its name",
        ));
    }
    if name.ends_with(b"/") {
        name.pop();
    }
    Ok(name)
}

pub(super) fn size_of(kind: EntryKind, plain: u64, pax: &[Record]) -> Result<u64, TarError> {
    let mut records = pax.iter().filter(|(key, _)| key == b"size");
    let size = match (records.next(), records.next()) {
        (None, _) => plain,
        (Some(_), Some(_)) => return Err(TarError::refused("two PAX sizes for one entry")),
        (Some((_, value)), None) => pax_size(value, plain)?,
    };
    if kind != EntryKind::File && size != 0 {
        return Err(TarError::refused(format!(
            "a {} with {size} bytes of data: readers disagree about where the next entry is",
            kind.name()
        )));
    }
    Ok(size)
}

/// The size in a PAX record, which must not contradict the header's own field.
fn pax_size(value: &[u8], plain: u64) -> Result<u64, TarError> {
    let stated = pax::digits(value).filter(|&n| n <= i64::MAX.cast_unsigned());
    let stated = stated.ok_or_else(|| {
        TarError::refused(format!("a PAX size of '{}'", crate::error::escape(value)))
    })?;
    if plain != 0 && plain != stated {
        return Err(TarError::refused(format!(
            "two different sizes for one entry: {plain} and, by PAX, {stated}"
        )));
    }
    Ok(stated)
}

pub(super) fn refuse_oddities(pax: &[Record], long: [&Option<Long>; 2]) -> Result<(), TarError> {
    if pax.iter().any(|(key, _)| key.starts_with(b"GNU.sparse")) {
        return Err(TarError::refused(
            "a sparse file in PAX form, which haslim does not read",
        ));
    }
    // Python from 3.14 on takes the long name's block for the entry's own, and so looks for the
    // next header too early.
    if pax.iter().any(|(key, _)| key == b"size")
        && long.into_iter().flatten().any(|long| long.after_pax)
    {
        return Err(TarError::refused(
            "a GNU long name behind a PAX size: readers disagree about where the next entry is",
        ));
    }
    pax::check_values(pax)
}
