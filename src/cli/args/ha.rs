//! The arguments of `haslim ha`: commands that talk to Home Assistant.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::choice::Choice;
use super::new_file::new_file;
use super::shared::{Display, Key, Limit, Reading, Shared};

/// What to do with Home Assistant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ha {
    #[command(subcommand)]
    pub command: HaCommand,
}

#[derive(Debug, Subcommand)]
pub enum HaCommand {
    /// Home Assistant's version and its places for backups, and what the cloud holds
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Look),
    /// The backups that Home Assistant stores, where, and whether each fits the cloud
    #[command(after_help = LIST_EXAMPLES)]
    List(Look),
    /// Send a backup, and confirm that it is stored
    Upload(Upload),
    /// Download a backup
    Fetch(Fetch),
    /// Fetch a backup, shrink it, and send the copy: all the way to the cloud
    Slim(Box<Slim>),
}

/// Where Home Assistant is, and how to get in.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Home Assistant's own address, such as http://homeassistant.local:8123 [env: HASLIM_HA_URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Read the long-lived access token from the first line of this file [env: HASLIM_HA_TOKEN,
    /// which has the token itself]
    #[arg(long, value_name = "F")]
    pub token_file: Option<PathBuf>,
    /// Also trust the certificate authorities in this PEM file
    #[arg(long, value_name = "F")]
    pub ca_file: Option<PathBuf>,
}

/// Which Home Assistant to ask.
#[derive(Debug, Args)]
pub struct Look {
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub display: Display,
}

/// What to send, and where.
#[derive(Debug, Args)]
#[command(after_help = UPLOAD_EXAMPLES)]
pub struct Upload {
    /// The backup to send; it stays as it is
    pub backup: PathBuf,
    #[command(flatten)]
    pub sending: Sending,
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub key: HomeKey,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

/// The source of the key, which can be Home Assistant itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Encryption key")]
pub struct HomeKey {
    #[command(flatten)]
    pub key: Key,
    /// Take the key that Home Assistant itself uses now, if it opens the backup
    #[arg(long, conflicts_with_all = ["password_file", "emergency_kit"])]
    pub password_from_ha: bool,
}

impl HomeKey {
    fn shared(&self) -> Key {
        Key {
            is_from_home: self.password_from_ha,
            ..self.key.clone()
        }
    }
}

/// Where a backup goes, and what is done without asking.
#[derive(Debug, Args)]
pub struct Sending {
    /// The place that stores it: cloud.cloud is Home Assistant Cloud; `haslim ha status` lists all
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// If Home Assistant is busy with another backup, wait until it has finished
    #[arg(long)]
    pub wait: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
}

/// What to download, and where to.
#[derive(Debug, Args)]
#[command(after_help = FETCH_EXAMPLES)]
pub struct Fetch {
    /// The id of a backup, or its beginning [default: latest]
    #[arg(value_name = "ID|latest")]
    pub id: Option<String>,
    /// Only from this place [default: Home Assistant's own disk, or else another place]
    #[arg(long, value_name = "PLACE")]
    pub from: Option<String>,
    /// Where to write it [default: ID.tar]
    #[arg(short, long, value_name = "FILE", value_parser = new_file())]
    pub output: Option<PathBuf>,
    /// Replace an existing output
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub display: Display,
}

/// What to shrink and send.
#[derive(Debug, Args)]
#[command(after_help = SLIM_EXAMPLES)]
pub struct Slim {
    /// The id of a backup, or its beginning [default: latest]
    #[arg(value_name = "ID|latest")]
    pub id: Option<String>,
    /// Only from this place [default: Home Assistant's own disk, or else another place]
    #[arg(long, value_name = "PLACE")]
    pub from: Option<String>,
    #[command(flatten)]
    pub sending: Sending,
    /// Where the original and the copy are while they are needed; it needs room for both, or with
    /// --stream for the original alone
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Keep the original that was fetched
    #[arg(long)]
    pub keep_original: bool,
    /// Keep the copy that was sent
    #[arg(long)]
    pub keep_slim: bool,
    /// Send the copy as it is made, so that the disk needs no room for it
    #[arg(long, conflicts_with = "keep_slim")]
    pub stream: bool,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub key: HomeKey,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub display: Display,
}

impl Ha {
    /// The shared options among them.
    pub fn shared(&self) -> Shared {
        match &self.command {
            HaCommand::Upload(upload) => Shared {
                limit: upload.limit.clone(),
                key: upload.key.shared(),
                reading: upload.reading.clone(),
                display: upload.display.clone(),
            },
            HaCommand::Fetch(fetch) => Shared {
                display: fetch.display.clone(),
                ..Shared::default()
            },
            HaCommand::Slim(slim) => Shared {
                limit: slim.limit.clone(),
                key: slim.key.shared(),
                reading: slim.reading.clone(),
                display: slim.display.clone(),
            },
            HaCommand::Status(Look { limit, display, .. })
            | HaCommand::List(Look { limit, display, .. }) => Shared {
                limit: limit.clone(),
                display: display.clone(),
                ..Shared::default()
            },
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  haslim ha status --url http://homeassistant.local:8123 --token-file token.txt
  haslim ha list
  haslim ha slim --to cloud.cloud --password-from-ha      all in one go
  haslim ha fetch latest -o backup.tar
  haslim ha upload backup.slim.tar --to cloud.cloud
The address and the token may stand in HASLIM_HA_URL and HASLIM_HA_TOKEN. Make a
token in Home Assistant: your profile, Security, Long-lived access tokens. Your
user must be an administrator. No option takes the token itself: it would show
in the process list.";

const STATUS_EXAMPLES: &str = "\
Examples:
  haslim ha status --url http://homeassistant.local:8123 --token-file token.txt
  haslim ha status --json";

const LIST_EXAMPLES: &str = "\
Examples:
  haslim ha list                      every backup, the newest first
  haslim ha list --limit 2GB          whether each fits another limit";

const UPLOAD_EXAMPLES: &str = "\
Examples:
  haslim ha upload backup.slim.tar --to cloud.cloud
  haslim ha upload backup.slim.tar --to cloud.cloud --yes --wait
  haslim ha upload backup.tar --to backup.local
Everything that would keep the upload from succeeding is checked before a byte
is sent. The upload counts as done only when Home Assistant lists the backup at
its place with exactly its size. The cloud keeps one backup: an upload replaces
it, and a refused upload does not. With the key, the backup is checked for
damage, too. If this program ends, Home Assistant stops the upload.";

const FETCH_EXAMPLES: &str = "\
Examples:
  haslim ha fetch -o backup.tar              the newest that is not a copy
  haslim ha fetch 0a1b2c3d -o backup.tar     the one with this id
  haslim ha fetch latest --from hassio.nas
The file is complete, or it does not exist.";

const SLIM_EXAMPLES: &str = "\
Examples:
  haslim ha slim --to cloud.cloud --password-from-ha
  haslim ha slim 0a1b2c3d --to cloud.cloud --drop media --yes
  haslim ha slim --to cloud.cloud --allow history --folder /mnt/big
  haslim ha slim --to cloud.cloud --password-from-ha --stream     for a full disk
It fetches the backup, shrinks it as `haslim shrink` does, verifies the copy,
sends it, and confirms that it is stored. It removes its own files when that is
done, and not before: run it again after a failure, and it goes on with what was
fetched and made. A backup that fits already is sent as it is.";
