//! The target of a `db_url`. It is an SQLAlchemy URL (`engine/url.py`): everything between the
//! slash after the host and a question mark is the database, and is not decoded.

use super::{Place, Recorder};

/// The folders visible in Home Assistant's container, and the components with their files.
const FOLDERS: [(&str, &str); 5] = [
    ("config", "homeassistant"),
    ("homeassistant", "homeassistant"),
    ("share", "share"),
    ("media", "media"),
    ("ssl", "ssl"),
];

impl Place {
    /// The component with this id, if a database can be in it.
    pub(in crate::survey) fn component(id: &str) -> Option<&'static str> {
        let mut components = FOLDERS.iter().map(|(_, component)| *component);
        components.find(|component| *component == id)
    }
}

/// The location of a database. Never contains a user's name or a password.
pub fn read(url: &str) -> Recorder {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once("://") else {
        return Recorder::Unknown("`db_url` is no URL".into());
    };
    let dialect = scheme.split('+').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if dialect != "sqlite" {
        return server(rest);
    }
    match rest.strip_prefix('/') {
        Some(path) if !path.is_empty() && path != ":memory:" => file(path, query),
        _ => Recorder::Unknown("`db_url` names no file".into()),
    }
}

fn server(rest: &str) -> Recorder {
    // A password may contain a slash, a name may not, and neither may contain an at sign.
    let is_user = |user: &&str| {
        !user.split(':').next().unwrap_or_default().contains('/')
            && (user.contains(':') || !user.contains('/'))
    };
    let place = rest
        .split_once('@')
        .filter(|(user, _)| is_user(user))
        .map_or(rest, |(_, place)| place);
    let host = place.split('/').next().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.split(']').next())
        .unwrap_or_else(|| host.split(':').next().unwrap_or(host));
    if bare.is_empty() {
        Recorder::Unknown("`db_url` names no server".into())
    } else {
        Recorder::Server(bare.to_ascii_lowercase())
    }
}

/// A SQLite file. Home Assistant's container runs in `/config`, where relative paths start (Core,
/// `rootfs/etc/services.d/home-assistant/run`).
fn file(path: &str, query: &str) -> Recorder {
    // With `uri=true` SQLite reads its own kind of name, in which escapes are decoded.
    let name = path
        .strip_prefix("file:")
        .filter(|_| query.contains("uri=true"));
    let plain = name.map_or(path, |name| name.strip_prefix("//").unwrap_or(name));
    let mut ways = vec![plain.to_owned()];
    ways.extend(decoded(plain).filter(|way| way != plain));
    if name.is_some() {
        ways.reverse();
    }
    let places: Vec<Place> = ways.iter().filter_map(|way| place(way)).collect();
    match places.first() {
        None => Recorder::Elsewhere(plain.to_owned()),
        Some(first) if first.component == "homeassistant" && is_usual(&first.path) => {
            Recorder::Usual
        }
        Some(_) => Recorder::File(places),
    }
}

/// The recorder's default name, in any version.
fn is_usual(path: &str) -> bool {
    let version = path
        .strip_prefix("home-assistant_v")
        .and_then(|rest| rest.strip_suffix(".db"));
    version.is_some_and(|version| version.len() == 1 && version.bytes().all(|b| b.is_ascii_digit()))
}

/// The component with a file, and the path in it.
fn place(path: &str) -> Option<Place> {
    let mut names = if path.starts_with('/') {
        Vec::new()
    } else {
        vec!["config"]
    };
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    let (folder, rest) = names.split_first()?;
    let (_, component) = FOLDERS.iter().find(|(name, _)| name == folder)?;
    (!rest.is_empty()).then(|| Place {
        component,
        path: rest.join("/"),
    })
}

/// The text with its `%` escapes decoded, if it has any and they decode to text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}
