//! The connection to Home Assistant, from the options and the environment.

use std::path::PathBuf;

use haslim::homeassistant::{Address, Client, Token};
use haslim::pipe::Control;
use haslim::{Kind, Result};
use zeroize::Zeroizing;

use super::mistake::usage;
use super::small_file::Small;

/// The variable with the address.
pub const URL: &str = "HASLIM_HA_URL";
/// The variable with the token.
pub const TOKEN: &str = "HASLIM_HA_TOKEN";

const TOKEN_FILE: Small = Small {
    kind: Kind::Usage,
    what: "the token",
};
const AUTHORITIES: Small = Small {
    kind: Kind::Usage,
    what: "the certificate authorities",
};

/// How to reach Home Assistant, as the user named it.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// Its address; otherwise the variable says.
    pub url: Option<String>,
    /// A file with the token; otherwise the variable has it.
    pub token_file: Option<PathBuf>,
    /// A file with more certificate authorities.
    pub ca_file: Option<PathBuf>,
}

impl Home {
    /// A client for it. Nothing is sent yet.
    ///
    /// # Errors
    /// `Usage` if the address or the token is missing or wrong, or a file cannot be read.
    pub fn client(&self, control: &Control) -> Result<Client> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let address = match (&self.url, set(URL)) {
            (Some(url), _) => Address::parse(url),
            (None, Some(url)) => Address::parse(&url.to_string_lossy()),
            (None, None) => Err(usage(
                "the address of Home Assistant is missing",
                format!(
                    "Give it with --url or {URL}; it looks like http://homeassistant.local:8123."
                ),
            )),
        }?;
        let token = match (&self.token_file, set(TOKEN)) {
            (Some(path), _) => {
                let bytes = TOKEN_FILE.read(path, control)?;
                let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
                let first = text.trim_start_matches('\u{feff}').lines().next();
                Zeroizing::new(first.unwrap_or_default().to_owned())
            }
            // What is not text is no token.
            (None, Some(token)) => Zeroizing::new(token.into_string().unwrap_or_default()),
            (None, None) => {
                return Err(usage(
                    "the access token of Home Assistant is missing",
                    format!(
                        "Give it with --token-file or {TOKEN}. Create one in Home Assistant: your profile → Security → Long-lived access tokens. Your user must be an administrator."
                    ),
                ));
            }
        };
        let token = Token::new(&token)?;
        let authorities = self
            .ca_file
            .as_ref()
            .map(|path| AUTHORITIES.read(path, control));
        let authorities = authorities.transpose()?;
        Client::new(
            address,
            token,
            authorities.as_ref().map(|bytes| bytes.as_slice()),
        )
    }
}
