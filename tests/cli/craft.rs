//! Backups that the reference library would not write: unencrypted, with exactly the names and
//! bytes that a test needs.

use std::path::Path;

/// An entry: a name, and its data or the name of the file to which it links.
pub type Entry<'a> = (&'a str, Content<'a>);

pub enum Content<'a> {
    Bytes(&'a [u8]),
    LinkTo(&'a str),
}

/// A tar that stores its names byte for byte, padded as Python pads it.
pub fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        // The crate would normalise names.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        let data = match content {
            Content::Bytes(bytes) => *bytes,
            Content::LinkTo(target) => {
                header.set_entry_type(tar::EntryType::Link);
                header.set_link_name(target).unwrap();
                &[]
            }
        };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    let mut bytes = builder.into_inner().unwrap();
    bytes.resize(bytes.len().next_multiple_of(10_240), 0);
    bytes
}

/// One gzip member with the strongest compression.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::best());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let len = compressor.gzip_compress(bytes, &mut out).unwrap();
    out.truncate(len);
    out
}

/// The metadata of a plain backup that holds these folders and add-ons.
pub fn metadata(name: &str, folders: &[&str], addons: &[&str]) -> serde_json::Value {
    let addons: Vec<_> = addons
        .iter()
        .map(|slug| serde_json::json!({"slug": slug, "name": name, "version": name}))
        .collect();
    serde_json::json!({
        "slug": name, "version": 2, "name": name, "date": name, "type": "full", "compressed": true, "protected": false,
        "homeassistant": {"version": name, "exclude_database": false}, "folders": folders, "addons": addons, "repositories": ["core"],
    })
}

/// A plain backup: members in this order, the metadata last.
pub fn backup(path: &Path, members: &[(&str, Vec<u8>)], metadata: &serde_json::Value) {
    let text = metadata.to_string();
    let mut entries: Vec<Entry<'_>> = members
        .iter()
        .map(|(name, bytes)| (*name, Content::Bytes(bytes)))
        .collect();
    entries.push(("./backup.json", Content::Bytes(text.as_bytes())));
    std::fs::write(path, tar(&entries)).unwrap();
}
