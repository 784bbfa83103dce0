//! `haslim bench`: measures the speed of this machine, and makes backups to measure on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haslim::bench::make::{self, Recipe};
use haslim::bench::{self, Options, Report};
use haslim::crypt::{KeyRing, Password};
use haslim::error::Advice;
use haslim::format::securetar::Version;
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::Backup;
use haslim::plan::{EncryptionChoice, Selector};
use haslim::report::json;
use haslim::rewrite::{Output, OutputPath};
use haslim::{Error, Kind, Result, size};

use crate::cli::render::terms::output;
use crate::cli::render::{self, escaped_path};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::{Making, Measuring};
use crate::cli::{key, small_file};

/// The size of the backup that is made if none is given: large enough for steady rates.
const OWN: u64 = 64_000_000;

/// Writes a backup of about the requested size.
///
/// # Errors
/// As [`OutputPath::check_alone`], [`make::make`] and [`key::given`].
pub fn make(session: &Session, making: &Making) -> Result<u8> {
    write_backup(session, making).map_err(without_output_option)
}

/// Measures on a given backup, or on one made for this run.
///
/// # Errors
/// As [`bench::run`] and [`key::unlock_all`], and errors of the named files.
pub fn measure(session: &Session, measuring: &Measuring) -> Result<u8> {
    measure_stages(session, measuring).map_err(without_output_option)
}

/// The folder is not given by an option here.
fn without_output_option(error: Error) -> Error {
    match error.next_step() {
        Some(Advice::Output(advice)) => {
            let step = output(*advice, "");
            error.advice(step)
        }
        _ => error,
    }
}

fn write_backup(session: &Session, making: &Making) -> Result<u8> {
    let need = KeyNeed::must_if(matches!(making.encryption, EncryptionChoice::Version(_)));
    let keys = key::given(session, need)?.map(KeyRing::new);
    let version = match making.encryption {
        EncryptionChoice::Version(version) => Some(version),
        EncryptionChoice::Plain => None,
        EncryptionChoice::AsIs => keys.as_ref().map(|_| Version::V3),
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
    let mut target = OutputPath::check_alone(&making.path, making.replace)?;
    target.check_space(making.size)?;
    let mut output = target.create()?;
    let recipe = Recipe {
        size: making.size,
        seed: making.seed,
        sources: making.sources,
    };
    make::make(recipe, protection, &mut output, &session.control)?;
    output.sync()?;
    session.control.check()?;
    let size = output.position();
    let path = output.publish()?;
    session.published();
    if session.settings.json {
        session.screen.json(&json::made(&path, size));
    } else {
        let (path, size) = (escaped_path(&path), size::both(size));
        session.screen.say(&format!("Made {path}, {size}"));
    }
    Ok(DONE)
}

fn measure_stages(session: &Session, measuring: &Measuring) -> Result<u8> {
    let earlier = measuring
        .compare
        .as_deref()
        .map(|path| Report::parse(&small_file::RESULT.read(path, &session.control)?))
        .transpose()?;
    let folder = measuring.folder.clone().unwrap_or_else(std::env::temp_dir);
    let drops = measuring
        .drop
        .iter()
        .map(|text| Selector::parse(text))
        .collect::<Result<Vec<_>>>()?;
    let Unlocked { backup, keys } = match &measuring.backup {
        Some(path) => key::unlock_all(session, session.open(path)?)?,
        None => make_sample(session, &folder)?,
    };
    let save = measuring
        .save
        .as_deref()
        .map(|path| OutputPath::check(path, measuring.replace, &backup.input))
        .transpose()?;
    let options = Options {
        folder: &folder,
        copy: measuring.folder.is_some().then_some(drops),
    };
    let report = bench::run(&backup, keys.as_deref(), &options, &session.control)?;
    if measuring.backup.is_some() {
        backup.input.check_unchanged()?;
    }
    let kept = save
        .map(|target| keep(session, target, &report))
        .transpose()?;
    render::bench::report(session, &report, earlier.as_ref(), &folder);
    if let Some(path) = kept.filter(|_| !session.settings.json) {
        session
            .screen
            .say(&format!("Kept in {}", escaped_path(&path)));
    }
    Ok(DONE)
}

/// A backup without a name that is gone when it is closed. Its key is used nowhere else.
fn make_sample(session: &Session, folder: &Path) -> Result<Unlocked> {
    let keys = KeyRing::new(Password::new("bench".into()));
    let mut output = Output::scratch(folder)?;
    let recipe = Recipe {
        size: OWN,
        seed: 0,
        sources: None,
    };
    let protection = Some((Version::V3, &keys));
    make::make(recipe, protection, &mut output, &session.control)?;
    let backup = Backup::read(output.read_back()?, &session.control)?;
    Unlocked::new(backup, Some(Arc::new(keys)))
}

fn keep(session: &Session, target: OutputPath, report: &Report) -> Result<PathBuf> {
    let mut output = target.create()?;
    let text = serde_json::to_vec_pretty(report)
        .map_err(|e| Error::new(Kind::Internal, "cannot write the result").caused_by(e))?;
    output.append(&text)?;
    output.sync()?;
    output.publish().inspect(|_| session.published())
}
