//! Names of options for the tests of sentences. They are the same as the program's.

use crate::error::Advice;
use crate::report::notes;
use crate::report::terms::Terms;

/// The options as the program calls them, and advice as a fact.
pub struct Options;

impl Terms for Options {
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
        match word.contains(' ') {
            true => format!("'{word}'"),
            false => word.to_owned(),
        }
    }

    fn advice(&self, advice: &Advice) -> String {
        match advice {
            Advice::Text(text) => text.clone().into_owned(),
            Advice::NoDatabase(why) => notes::no_database(why, self),
            Advice::GiveKeyToLook => "Give the key with --password-file.".into(),
            advice => format!("{advice:?}"),
        }
    }
}
