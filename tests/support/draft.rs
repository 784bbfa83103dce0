//! Builds small backups part by part, as Home Assistant writes them or with one fault.
//!
//! ```ignore
//! let backup = Draft::v3()
//!     .config(&[make::file("data/www/a.bin", &make::noise(500))])
//!     .folder("media", &[make::file("clip.mp4", b"clip")])
//!     .plain_from_here()
//!     .unlisted("core_x", &[make::file("data/secret.txt", b"token")])
//!     .set("protected", true)
//!     .write(&scratch, "in.tar");
//! ```

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Scratch, make, seal};

/// How a part is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrap {
    Plain,
    V2,
    V3,
}

impl Wrap {
    /// The part that Home Assistant would store for this stream.
    pub fn seal(self, stream: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => stream.to_vec(),
            Self::V2 => seal::v2(stream),
            Self::V3 => seal::v3(stream),
        }
    }
}

/// A backup under construction. Members are in the order in which they are added, with
/// `./backup.json` last. Each added part is listed in it, unless the method says otherwise.
#[derive(Clone)]
pub struct Draft {
    wrap: Wrap,
    compressed: bool,
    metadata_first: bool,
    members: Vec<Vec<u8>>,
    metadata: Value,
}

impl Draft {
    /// A backup without encryption.
    pub fn plain() -> Self {
        Self::new(Wrap::Plain)
    }

    /// A backup in SecureTar version 2.
    pub fn v2() -> Self {
        Self::new(Wrap::V2)
    }

    /// A backup in SecureTar version 3, with one root salt for all parts.
    pub fn v3() -> Self {
        Self::new(Wrap::V3)
    }

    /// An empty backup.
    pub fn new(wrap: Wrap) -> Self {
        let metadata = json!({
            "slug": "1a2b3c4d", "version": 2, "name": "Draft", "date": "2026-11-01T04:45:00.000000+00:00", "type": "partial",
            "supervisor_version": "2026.10.0", "extra": {}, "crypto": null, "homeassistant": null, "compressed": true,
            "protected": wrap != Wrap::Plain, "repositories": [], "folders": [], "addons": [],
        });
        Self {
            wrap,
            compressed: true,
            metadata_first: false,
            members: Vec::new(),
            metadata,
        }
    }

    /// The following parts are `.tar` files; `compressed` becomes false.
    pub fn uncompressed(mut self) -> Self {
        self.compressed = false;
        self.set("compressed", false)
    }

    /// The following parts are not encrypted. The flag `protected` stays.
    pub fn plain_from_here(self) -> Self {
        self.wrapped_from_here(Wrap::Plain)
    }

    /// The following parts are encrypted like this. The flag `protected` stays.
    pub fn wrapped_from_here(mut self, wrap: Wrap) -> Self {
        self.wrap = wrap;
        self
    }

    /// `./backup.json` is the first member, as Core writes it.
    pub fn metadata_first(mut self) -> Self {
        self.metadata_first = true;
        self
    }

    /// The configuration: the files of every configuration, and these entries, whose names begin
    /// with `data/`.
    pub fn config(mut self, entries: &[Vec<u8>]) -> Self {
        self.metadata["homeassistant"] =
            json!({"version": "2026.11.0", "exclude_database": false, "size": 0.1});
        self.unlisted("homeassistant", &[&config(), entries].concat())
    }

    /// A folder, by its name in the metadata: `media`, `share`, `ssl`, `addons/local`.
    pub fn folder(mut self, name: &str, entries: &[Vec<u8>]) -> Self {
        self.list("folders", name.into());
        self.unlisted(
            &name.replace('/', "_"),
            &[&[make::folder(".")], entries].concat(),
        )
    }

    /// An add-on: its own metadata, and these entries, whose names begin with `data/`.
    pub fn addon(self, slug: &str, entries: &[Vec<u8>]) -> Self {
        self.listed_addon(slug)
            .unlisted(slug, &[&addon(slug), entries].concat())
    }

    /// An add-on in the list, without a part.
    pub fn listed_addon(mut self, slug: &str) -> Self {
        self.list(
            "addons",
            json!({"slug": slug, "name": slug, "version": "1.0", "size": 0.1}),
        );
        self
    }

    /// A part with exactly these entries that is not listed in the metadata.
    pub fn unlisted(self, base: &str, entries: &[Vec<u8>]) -> Self {
        let mut stream = make::tar(entries);
        if self.compressed {
            stream = make::gzip(&stream);
        }
        self.stream(base, &stream)
    }

    /// A part with this stream, encrypted but otherwise unchanged, that is not listed in the
    /// metadata.
    pub fn stream(self, base: &str, stream: &[u8]) -> Self {
        let (name, part) = (self.name_of(base), self.wrap.seal(stream));
        self.member(&name, &part)
    }

    /// A member with these bytes.
    pub fn member(self, name: &str, data: &[u8]) -> Self {
        self.raw(make::any_file(name, data))
    }

    /// A member as it is in the file: header, data, padding.
    pub fn raw(mut self, bytes: Vec<u8>) -> Self {
        self.members.push(bytes);
        self
    }

    /// Sets a key of the metadata to this value.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata[key] = value.into();
        self
    }

    /// Removes a key of the metadata.
    pub fn unset(mut self, key: &str) -> Self {
        self.metadata.as_object_mut().unwrap().remove(key);
        self
    }

    /// The names that Home Assistant shows for the apps so far, in their order.
    pub fn app_names<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.metadata(|all| {
            let apps = all["addons"].as_array_mut().unwrap();
            for (listed, name) in apps.iter_mut().zip(names) {
                listed["name"] = name.into();
            }
        })
    }

    /// Applies any change to the metadata.
    pub fn metadata(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.metadata);
        self
    }

    /// The name of a part in this backup.
    pub fn name_of(&self, base: &str) -> String {
        format!("{base}.tar{}", if self.compressed { ".gz" } else { "" })
    }

    /// The whole file.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with(self.metadata.to_string())
    }

    /// The whole file with another text as its metadata.
    pub fn bytes_with(&self, metadata: impl AsRef<[u8]>) -> Vec<u8> {
        let mut members = self.members.clone();
        members.insert(
            if self.metadata_first {
                0
            } else {
                members.len()
            },
            make::metadata_member(metadata),
        );
        make::tar(&members)
    }

    /// Writes the file.
    pub fn write(&self, scratch: &Scratch, name: &str) -> PathBuf {
        scratch.file(name, &self.bytes())
    }

    fn list(&mut self, key: &str, value: Value) {
        self.metadata[key].as_array_mut().unwrap().push(value);
    }
}

/// The files in the configuration part of every backup.
pub fn config() -> Vec<Vec<u8>> {
    vec![
        make::folder("."),
        make::file("./homeassistant.json", b"{}"),
        make::folder("data"),
        make::file("data/configuration.yaml", b"default_config:\n"),
        make::folder("data/.storage"),
        make::file("data/.storage/auth", b"{}"),
    ]
}

/// The files in the part of every add-on.
pub fn addon(slug: &str) -> Vec<Vec<u8>> {
    let about = json!({"user": {}, "system": {"slug": slug}, "state": "started", "version": "1.0"})
        .to_string();
    vec![
        make::folder("."),
        make::file("./addon.json", about.as_bytes()),
        make::folder("data"),
        make::file("data/options.json", b"{}"),
    ]
}
