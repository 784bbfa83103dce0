//! Conditions that the caller checks before a rule with a [`super::Condition`] applies.

/// Why an `image.tar` must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ImageTarStays {
    /// The add-on's source is in `addons/local`, which the copy leaves out.
    #[error(
        "this add-on was built from the local add-ons folder, and the copy comes without that folder: nothing could build the image again"
    )]
    LocalSourceMissing,
    /// It is unknown whether the store could build it.
    #[error(
        "the backup does not list the repository that this add-on comes from: nothing could build the image again"
    )]
    RepositoryGone,
}

/// Whether `image.tar` of the add-on `slug` may be dropped, because a restore can build it again.
///
/// `repository_listed`: whether the repository of that slug is one of those that the backup lists
/// (see [`super::slug_prefix`]) or that every Supervisor has. `addons_local_kept`: whether the copy
/// contains `addons/local` with all its files.
///
/// # Errors
/// Why it must stay.
pub fn image_tar_allowed(
    slug: &str,
    repository_listed: bool,
    addons_local_kept: bool,
) -> Result<(), ImageTarStays> {
    if slug.starts_with("local_") {
        return if addons_local_kept {
            Ok(())
        } else {
            Err(ImageTarStays::LocalSourceMissing)
        };
    }
    // Every Supervisor has the official repository.
    if slug.starts_with("core_") || repository_listed {
        Ok(())
    } else {
        Err(ImageTarStays::RepositoryGone)
    }
}

/// The value of the recorder's `db_url` in a `configuration.yaml`.
///
/// Reads the plain form alone: a `recorder:` at the left edge and an indented `db_url:` below it.
/// `None` for anything else, including `!secret` and includes. For files that a stricter reader
/// rejects as YAML.
pub fn recorder_url(configuration: &[u8]) -> Option<&str> {
    let mut inside = false;
    for line in configuration.split(|&b| b == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            inside = text
                .strip_prefix("recorder:")
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(" #"));
        } else if let Some(value) = text.strip_prefix("db_url:").filter(|_| inside) {
            return plain_scalar(value.trim());
        }
    }
    None
}

fn plain_scalar(value: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split_once(quote).map(|(inside, _)| inside);
        }
    }
    let value = value.split(" #").next().unwrap_or_default().trim_end();
    (!value.is_empty() && !value.starts_with(['!', '&', '*', '|', '>', '{', '['])).then_some(value)
}

/// Whether `path` is the SQLite database `database` or one of its side files.
///
/// A write-ahead log or a journal without its database is as useless as the reverse: they are
/// dropped or kept together.
pub fn belongs_to_database(path: &[u8], database: &str) -> bool {
    let side = path.strip_prefix(database.as_bytes());
    side.is_some_and(|side| matches!(side, b"" | b"-wal" | b"-shm" | b"-journal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_goes_only_when_something_can_build_it_again() {
        assert_eq!(image_tar_allowed("a0d7b954_ssh", true, false), Ok(()));
        assert_eq!(
            image_tar_allowed("a0d7b954_ssh", false, true),
            Err(ImageTarStays::RepositoryGone)
        );
        assert_eq!(
            image_tar_allowed("local_mine", true, false),
            Err(ImageTarStays::LocalSourceMissing)
        );
        assert_eq!(image_tar_allowed("local_mine", false, true), Ok(()));
        assert_eq!(image_tar_allowed("core_ssh", false, false), Ok(()));
    }

    #[test]
    fn the_recorder_url_is_read_in_its_plain_forms_only() {
        let cases: [(&[u8], Option<&str>); 9] = [
            (b"recorder:\n  db_url: sqlite:////config/db/ha.db\n", Some("sqlite:////config/db/ha.db")),
            (
                b"recorder: # history\r\n  purge_keep_days: 5\r\n  db_url: \"sqlite:////config/x.db\" # x\r\n",
                Some("sqlite:////config/x.db"),
            ),
            (b"recorder:\n\n# old\n  db_url: 'sqlite:////config/x.db'\n", Some("sqlite:////config/x.db")),
            (b"recorder:\n  db_url: sqlite:////config/x.db # moved\n", Some("sqlite:////config/x.db")),
            (b"recorder:\n  db_url: !secret db\n", None),
            (b"recorder: !include recorder.yaml\n", None),
            (b"recorder:\nother:\n  db_url: sqlite:////config/x.db\n", None),
            (b"# recorder:\n#  db_url: sqlite:////config/x.db\n", None),
            (b"", None),
        ];
        for (text, expected) in cases {
            assert_eq!(recorder_url(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn side_files_belong_to_their_database_and_to_no_other() {
        for side in [
            "db/ha.db",
            "db/ha.db-wal",
            "db/ha.db-shm",
            "db/ha.db-journal",
        ] {
            assert!(belongs_to_database(side.as_bytes(), "db/ha.db"), "{side}");
        }
        for other in ["ha.db", "db/ha.db.bak", "db/ha.db-walrus", "zigbee.db"] {
            assert!(
                !belongs_to_database(other.as_bytes(), "db/ha.db"),
                "{other}"
            );
        }
    }
}
