//! A whole run like `haslim shrink --yes`: open, survey, plan, write, verify, publish; then the
//! copy is opened again.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use haslim::crypt::{KeyRing, Password};
use haslim::finding::Finding;
use haslim::format::securetar::Version;
use haslim::job::{Damage, Depth, Job, WriteOptions, WriteOutcome};
use haslim::open::Backup;
use haslim::pipe::{Control, Silent};
use haslim::plan::{EncryptionChoice, Request, Selector};
use haslim::rules::Catalogue;
use haslim::{Error, Kind, Result, verify};

/// Bytes of options at the start: how the backup is made, and what is left out.
pub const PREFIX: usize = 4;

const DROPS: [&str; 8] = [
    "share:?*",
    "homeassistant:?*",
    "share:**/a",
    "homeassistant:nest/**",
    "share:data",
    "media:**",
    "media",
    "database",
];

/// The options, then either a whole backup or the tar of its parts.
pub fn run(data: &[u8]) {
    let Some((&[form, drops, keeps, level], rest)) = data.split_first_chunk::<PREFIX>() else {
        return;
    };
    let bytes = if form & 1 == 0 {
        rest.to_vec()
    } else {
        backup_around(rest, form, level)
    };
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = folder.path().join("in.tar");
    std::fs::write(&path, &bytes).unwrap();
    let outcome = shrink(&path, &folder.path().join("out.tar"), form, drops, keeps);
    assert!(
        std::fs::read(&path).unwrap() == bytes,
        "the input was changed"
    );
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    match outcome {
        Ok(()) => check_copy(&folder.path().join("out.tar")),
        Err(error) => {
            assert_eq!(names, 1, "something was left behind after: {error}");
            let disagreement = error.message().contains("two tar readers disagree");
            assert!(
                !matches!(error.kind(), Kind::Internal | Kind::VerifyFailed) || disagreement,
                "{error}"
            );
        }
    }
}

fn control() -> Control {
    Control::default()
}

/// A request without most of the catalogue, whose rules are slow to compile and the same each time.
fn request() -> Request {
    static REQUEST: OnceLock<Request> = OnceLock::new();
    let few = || {
        let mut request = Request::new(u64::MAX / 4).unwrap();
        let catalogue = serde_json::to_value(&request.catalogue).unwrap();
        let ids: Vec<&str> = catalogue["rules"]
            .as_array()
            .unwrap()
            .iter()
            .skip(5)
            .filter_map(|rule| rule["id"].as_str())
            .collect();
        let own = "[[rule]]\nid = \"fuzz\"\ncomponent = \"share\"\nglobs = [\"**/b\", \"data/**\"]\nclass = \"cache\"\n";
        request.catalogue =
            Catalogue::with_user_file(&format!("disable = {ids:?}\n{own}")).unwrap();
        request
    };
    REQUEST.get_or_init(few).clone()
}

fn shrink(path: &Path, out: &Path, form: u8, drops: u8, keeps: u8) -> Result<()> {
    let backup = Backup::open(path)?;
    let chosen = |bits: u8| {
        (0..8)
            .filter(move |at| bits >> at & 1 == 1)
            .map(|at| Selector::parse(DROPS[at]))
    };
    let mut request = request();
    request.drops = chosen(drops).collect::<Result<_>>()?;
    request.keeps = chosen(keeps & 0x0f).collect::<Result<_>>()?;
    request.thorough = form & 2 != 0;
    let keys = (form & 4 != 0).then(|| KeyRing::new(Password::new("fuzz".into())));
    if keys.is_some() {
        request.encryption = EncryptionChoice::Version(Version::V2);
    }
    let nothing_to_do = || Err(Error::new(Kind::AlreadyFits, "nothing to do"));
    let job = Job::new(backup, request)?;
    let mut prepared = job.prepare(keys.map(Arc::new), Depth::Checked, &control())?;
    if prepared.refusal().is_some() {
        return nothing_to_do();
    }
    prepared.report_damage(Damage::EndsTheJob, &Silent, &control())?;
    let options = WriteOptions {
        asked: false,
        replace: false,
        verify: true,
        check_kept: true,
    };
    match prepared.write(out, options, &Silent, &control())? {
        WriteOutcome::Published(_) => Ok(()),
        WriteOutcome::Refused(_) => nothing_to_do(),
    }
}

/// The published copy opens, and each rewritten part of it is valid.
fn check_copy(path: &Path) {
    let copy = Backup::open(path).expect("a copy opens");
    assert!(
        !copy.findings.contains(&Finding::NoEnd),
        "{:?}",
        copy.findings
    );
    let keys = KeyRing::new(Password::new("fuzz".into()));
    verify::backup(&copy, Some(&keys), &control()).expect("both readers see the same members");
}

/// A backup with these bytes as the tar of two parts.
fn backup_around(tar: &[u8], form: u8, level: u8) -> Vec<u8> {
    let compressed = form & 8 != 0;
    let text = format!(
        r#"{{"slug":"aaaaaaaa","version":2,"name":"n","date":"2026-10-01","type":"full","compressed":{compressed},"protected":false,
        "homeassistant":{{"version":"2026.10.0","exclude_database":false}},"folders":["media","share"],"addons":[]}}"#
    );
    // Most rules concern the configuration: slow, but worth it from time to time.
    let first = if form & 16 != 0 {
        "homeassistant"
    } else {
        "share"
    };
    let part = if compressed {
        gzip(tar, level)
    } else {
        tar.to_vec()
    };
    let suffix = if compressed { ".tar.gz" } else { ".tar" };
    let mut builder = tar::Builder::new(Vec::new());
    let members = [
        ("./backup.json".to_owned(), text.into_bytes()),
        (format!("{first}{suffix}"), part.clone()),
        (format!("media{suffix}"), part),
    ];
    for (name, data) in members {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        builder.append(&header, data.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(tar: &[u8], level: u8) -> Vec<u8> {
    let mut out =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(u32::from(level % 10)));
    for piece in tar.chunks(tar.len() / 3 + 1) {
        out.write_all(piece).unwrap();
        if level >= 128 {
            out.flush().unwrap();
        }
    }
    out.finish().unwrap()
}
