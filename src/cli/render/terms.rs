//! The names of this program's options and commands, for the library's sentences.

use haslim::error::{Advice, OutputAdvice};
use haslim::report::notes;
use haslim::report::terms::Terms;

use crate::cli::system::quoted;

/// The command line.
pub struct CommandLine;

impl Terms for CommandLine {
    fn drop(&self) -> &str {
        "--drop"
    }

    fn keep(&self) -> &str {
        "--keep"
    }

    fn allow(&self) -> &str {
        "--allow"
    }

    fn plain(&self) -> &str {
        "--securetar none"
    }

    fn compress(&self) -> &str {
        "--compress always"
    }

    fn key(&self) -> &str {
        "--emergency-kit or --password-file"
    }

    fn explain(&self) -> &str {
        "`haslim plan --why`"
    }

    fn shrink(&self) -> &str {
        "`haslim shrink`"
    }

    fn quoted(&self, word: &str) -> String {
        quoted(word)
    }

    fn advice(&self, advice: &Advice) -> String {
        match advice {
            Advice::Text(text) => text.clone().into_owned(),
            Advice::DidYouMean { selectors, forms } => did_you_mean(selectors, *forms),
            Advice::Find { pattern } => format!(
                "That is a pattern: `haslim ls BACKUP --find {}` lists what it matches.",
                quoted(pattern)
            ),
            Advice::NoDatabase(why) => notes::no_database(why, self),
            Advice::Output(advice) => output(*advice, " with -o"),
            Advice::DropOtherKey { part }
            | Advice::DropOrKeep { part }
            | Advice::DropOrKeepDamaged { part }
            | Advice::DropDamaged { part }
            | Advice::DropOrNotCompress { part }
            | Advice::DropInsteadOfRepair { part }
            | Advice::NewerOrDrop { part, .. }
            | Advice::ShrinkInstead { part } => about_part(advice, part),
            advice => general(advice).to_owned(),
        }
    }
}

/// Advice about one part.
fn about_part(advice: &Advice, part: &str) -> String {
    match advice {
        Advice::DropOtherKey { .. } => format!(
            "Leave it out with --drop {part}. Parts that are kept or dropped whole need no password."
        ),
        Advice::DropOrKeep { .. } => format!(
            "A restore could not cope with it. Leave it out as well with --drop, or keep the part as it is with --keep {part}."
        ),
        Advice::DropOrNotCompress { .. } => {
            format!("Leave it out with --drop {part}, or go on without --compress always.")
        }
        Advice::DropDamaged { .. } => format!(
            "{DOWNLOAD_AGAIN} Or leave the part out with --drop {part}. It cannot be kept as it is: the copy needs it in another form."
        ),
        Advice::NewerOrDrop { may_stay: true, .. } => format!(
            "Look for a newer haslim. Or leave the part out with --drop {part}, or keep it as it is with --keep {part}."
        ),
        Advice::NewerOrDrop { .. } => format!(
            "Look for a newer haslim. Or leave the part out with --drop {part}: a copy has all parts in one way."
        ),
        Advice::ShrinkInstead { .. } => format!(
            "{DOWNLOAD_AGAIN} A repair leaves nothing out; `haslim shrink` can leave the part out, with --drop {part}."
        ),
        Advice::DropInsteadOfRepair { .. } => format!(
            "A restore could not cope with it, and a repair leaves nothing out. `haslim shrink` does: name it with --drop {part}:PATH."
        ),
        _ => format!(
            "{DOWNLOAD_AGAIN} Or leave the part out with --drop {part}, or keep it as it is with --keep {part}; a restore of it may fail."
        ),
    }
}

/// Advice that is the same for every backup.
fn general(advice: &Advice) -> &'static str {
    match advice {
        Advice::Scarce => {
            "Free some memory, or raise haslim's limits (`ulimit -v`, `ulimit -u`); --threads 1 needs less."
        }
        Advice::RaiseExpansion => {
            "Raise --max-expanded if you expect this, or leave the part out with --drop."
        }
        Advice::PickFromFolder => {
            "Name one of the backups in it; `haslim info` lists them if you name the folder."
        }
        Advice::LeavePartOut => {
            "Home Assistant never writes this; make a new backup, or take the part out with --drop."
        }
        Advice::LeaveEntryOut => {
            "A restore could not cope with it. Make a new backup, or a copy without it: `haslim shrink` with --drop."
        }
        Advice::ListPaths => "`haslim ls` shows the paths.",
        Advice::ListAll => "`haslim info` lists the components, `haslim ls` the paths in them.",
        Advice::GiveKeyToLook => {
            "Give the key with --password-file or --emergency-kit, so that haslim can look inside."
        }
        Advice::GiveKey => {
            "Give it with --password-file, --emergency-kit or HASLIM_PASSWORD. Dropping whole parts works without it."
        }
        Advice::GiveKeyOrDrop => {
            "Give it with --password-file, --emergency-kit or HASLIM_PASSWORD, or leave out more whole parts with --drop."
        }
        Advice::SelectorForms => SELECTOR_FORMS,
        Advice::Repair => {
            "`haslim repair` writes a copy in which backup.json agrees with the names."
        }
        Advice::DropMore => "Leave out more with --drop, or raise --limit.",
        Advice::DropWhatIsThere => "Name something that is in it with --drop.",
        Advice::DropSomething => "Name something with --drop.",
        Advice::MakeScanAgain => {
            "Make it again with `haslim scan BACKUP -o FILE --force`, or go on without --scan."
        }
        Advice::GiveSavedBenchmark => "Name a file that `haslim bench --save` wrote.",
        Advice::NewToken => {
            "Create a token in Home Assistant: your profile → Security → Long-lived access tokens. Your user must be an administrator."
        }
        Advice::Reconnect => {
            "Check that Home Assistant runs, and try again. If it has a certificate, its address begins with https://."
        }
        Advice::UpdateHomeAssistant => {
            "It is too old, or its integration for backups is not loaded. Update Home Assistant."
        }
        _ => DOWNLOAD_AGAIN,
    }
}

/// What to do about damage, unless more is known.
pub const DOWNLOAD_AGAIN: &str = "Download the backup again, or use an older one.";

const SELECTOR_FORMS: &str = "Selectors are media, share, ssl, addons/local, homeassistant, supervisor, addon:SLUG, database, COMPONENT:GLOB and unknown:MEMBER; `haslim info` lists the components.";

/// What to do about an output that cannot be written. `option` is the option for the output's
/// location; empty if there is none.
pub fn output(advice: OutputAdvice, option: &str) -> String {
    match advice {
        OutputAdvice::CheckFolder => format!(
            "Check the free space and the permissions of the target folder, or choose another{option}."
        ),
        OutputAdvice::Another => format!("Choose another output{option}."),
        OutputAdvice::AnotherOrReplace => {
            format!("Choose another output{option}, or replace it with --force.")
        }
        OutputAdvice::AnotherPlace => format!("Choose another place for the copy{option}."),
        OutputAdvice::CreateFolder => {
            format!("Create it first, or choose another place for the copy{option}.")
        }
        OutputAdvice::OtherDisk => format!("Free some space, or write to another disk{option}."),
        OutputAdvice::TooLargeForDisk => format!(
            "The file system there cannot hold a file of this size: write to another disk{option}, or leave out more."
        ),
        OutputAdvice::TooLargeForFat => format!(
            "Write to another disk{option}, one that is formatted as exFAT, NTFS or ext4, or leave out more (--limit 4GB)."
        ),
        OutputAdvice::Quota => format!(
            "Your quota there is used up, even if the disk has free space: delete some of your files, ask for a larger quota, or write to another disk{option}."
        ),
    }
}

fn did_you_mean(selectors: &[String], forms: bool) -> String {
    let guess = notes::did_you_mean(selectors).unwrap_or_default();
    if forms {
        format!("{guess} {SELECTOR_FORMS}")
    } else {
        guess
    }
}
