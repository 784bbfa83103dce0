//! The parts of a generated backup. The shares match the backups that people ask for help with:
//! recordings first, then history and clips.

use super::contents::Kind;
use super::random::Random;
use super::tree::{Component, ComponentKind, Files, Item};

const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01";
/// A zlib header with git's window and level.
const GIT: &[u8] = b"\x78\x01";
/// The mark of a time-structured merge tree file (InfluxDB, `tsdb/engine/tsm1`).
const TSM: &[u8] = b"\x16\xd1\x16\xd1\x01";

const ADDON: &str =
    r#"{"system":{"version":"1.0.0"},"user":{},"state":"started","version":"1.0.0"}"#;

fn many(permille: u64, each: u64, kind: Kind, path: fn(u64, u64) -> String) -> Item {
    Item::Files(Files {
        path,
        kind,
        each: Some(each),
        permille,
    })
}

fn one(permille: u64, kind: Kind, path: fn(u64, u64) -> String) -> Item {
    Item::Files(Files {
        path,
        kind,
        each: None,
        permille,
    })
}

/// Every part, in the order in which Supervisor writes them.
pub(super) fn components() -> Vec<Component> {
    let configuration = Component {
        name: "homeassistant",
        kind: ComponentKind::HomeAssistant,
        items: configuration(),
    };
    let parts = std::iter::once(configuration);
    parts.chain(addons()).chain(folders()).collect()
}

fn addons() -> [Component; 4] {
    let addon = |name, item: Item| Component {
        name,
        kind: ComponentKind::Addon,
        items: vec![Item::Text("addon.json", ADDON), item],
    };
    [
        addon(
            "5c53de3b_esphome",
            many(8, 1_000_000, Kind::Object, |n, _| {
                format!("data/build/node{n}/.pioenvs/node{n}/firmware.o")
            }),
        ),
        addon(
            "a0d7b954_influxdb",
            many(99, 4_000_000, Kind::Noise(TSM), |n, _| {
                format!("data/influxdb/data/homeassistant/autogen/{n}/000000001-000000001.tsm")
            }),
        ),
        addon(
            "a0d7b954_nodered",
            many(8, 6_000, Kind::Source, |n, _| {
                format!("data/node_modules/module{}/lib/{}.js", n / 30, n % 30)
            }),
        ),
        addon(
            "core_mariadb",
            one(24, Kind::Database, |_, _| {
                "data/databases/homeassistant/states.ibd".into()
            }),
        ),
    ]
}

fn folders() -> [Component; 4] {
    let folder = |name, items| Component {
        name,
        kind: ComponentKind::Folder,
        items,
    };
    [
        folder(
            "share",
            vec![
                Item::Text("notes.txt", "hello\n"),
                many(3, 300_000, Kind::Log, |n, _| {
                    format!("logs/collected_{n:03}.log")
                }),
                one(52, Kind::Backup, |_, _| "samba/old_backup_2025.tar".into()),
            ],
        ),
        folder(
            "addons/local",
            vec![
                Item::Text("kiosk/config.yaml", "name: Kiosk\nslug: kiosk\n"),
                Item::Text("kiosk/run.sh", "#!/bin/sh\n"),
            ],
        ),
        folder(
            "ssl",
            vec![
                Item::Text("fullchain.pem", "-----BEGIN TEST-----\n"),
                Item::Text("privkey.pem", "-----BEGIN TEST-----\n"),
            ],
        ),
        folder("media", vec![recordings(), music()]),
    ]
}

fn recordings() -> Item {
    many(554, 8_000_000, Kind::Noise(MP4), |n, _| {
        format!(
            "frigate/recordings/2026-{:02}-{:02}/{:02}/front_door/{:02}.{:02}.mp4",
            n / 43_200 % 12 + 1,
            n / 1_440 % 30 + 1,
            n / 60 % 24,
            n % 60,
            n % 49
        )
    })
}

fn music() -> Item {
    many(6, 5_000_000, Kind::Noise(b"ID3\x04\0"), |n, _| {
        format!("music/song_{n:04}.mp3")
    })
}

fn configuration() -> Vec<Item> {
    vec![
        Item::Text("data/.HA_VERSION", "2026.10.3"),
        one(1, Kind::Registry, |_, _| {
            "data/.storage/core.entity_registry".into()
        }),
        many(22, 60_000, Kind::Noise(GIT), |n, count| {
            let hash = Random::new(n, 0).next();
            format!(
                "data/.git/objects/{:02x}/{hash:016x}{:016x}",
                n * 256 / count.max(1),
                !hash
            )
        }),
        Item::Text("data/automations.yaml", "[]\n"),
        Item::Text(
            "data/configuration.yaml",
            "default_config:\nautomation: !include automations.yaml\n",
        ),
        many(30, 10_000, Kind::Source, |n, _| {
            format!(
                "data/custom_components/integration_{:03}/module_{:02}.py",
                n / 40,
                n % 40
            )
        }),
        many(47, 400_000, Kind::Noise(JPEG), |n, _| {
            format!("data/custom_components/llmvision/tmp_frames/frame_{n:05}.jpg")
        }),
        one(1, Kind::Log, |_, _| "data/home-assistant.log.1".into()),
        one(95, Kind::Database, |_, _| {
            "data/home-assistant_v2.db".into()
        }),
        many(48, 1_000_000, Kind::Noise(MP4), |n, _| {
            format!("data/nest/event_media/device_{}/{n:05}.mp4", n / 500)
        }),
        Item::Text("data/secrets.yaml", "wifi: test\n"),
        many(2, 200_000, Kind::Noise(JPEG), |n, _| {
            format!("data/www/photo_{n:04}.jpg")
        }),
        Item::Text("data/www/é_ünïcödé_日本.txt", "x"),
        Item::HardLink(
            "data/www/frame.jpg",
            "data/custom_components/llmvision/tmp_frames/frame_00000.jpg",
        ),
        Item::Symlink("data/www/link.yaml", "../configuration.yaml"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use crate::bench::make::Recipe;
    use crate::bench::make::tree::{Data, SOURCES};
    use crate::format::tar::block::EntryKind;

    #[test]
    fn the_shares_make_a_whole() {
        let components = components();
        let sum = |counts: fn(&Files) -> bool| -> u64 {
            let items = components.iter().flat_map(|c| &c.items);
            let files = items.filter_map(|item| match item {
                Item::Files(files) => Some(files),
                _ => None,
            });
            files
                .filter(|files| counts(files))
                .map(|files| files.permille)
                .sum()
        };
        assert_eq!(sum(|_| true), 1000);
        assert_eq!(sum(|files| files.kind == Kind::Source), SOURCES);
    }

    fn recipe(size: u64, sources: Option<u64>) -> Recipe {
        Recipe {
            size,
            seed: 3,
            sources,
        }
    }

    #[test]
    fn there_are_as_many_source_files_as_asked_for_and_their_bytes_stay_the_same() {
        let count_and_bytes = |sources: Option<u64>| {
            let components = components();
            let all = components
                .iter()
                .flat_map(|c| c.entries(recipe(10_000_000, sources)));
            let sizes: Vec<u64> = all
                .filter_map(|entry| match entry.data {
                    Data::Made(Kind::Source, size) => Some(size),
                    _ => None,
                })
                .collect();
            (sizes.len() as u64, sizes.iter().sum::<u64>())
        };
        let usual = count_and_bytes(None);
        assert!((150..200).contains(&usual.0), "{} files", usual.0);
        for wanted in [50, 5_000] {
            let (count, bytes) = count_and_bytes(Some(wanted));
            assert!(count.abs_diff(wanted) <= 2, "{count} instead of {wanted}");
            assert!(
                bytes.abs_diff(usual.1) < usual.1 / 50,
                "{bytes} bytes instead of {}",
                usual.1
            );
        }
    }

    #[test]
    fn every_path_comes_once_and_after_its_folder() {
        for size in [1_000_000, 1_000_000_000] {
            for component in components() {
                let mut seen = HashSet::new();
                for entry in component.entries(recipe(size, None)) {
                    let parent = entry
                        .path
                        .rsplit_once('/')
                        .map(|(parent, _)| parent.to_owned());
                    assert!(
                        parent.is_none_or(|p| p == "." || seen.contains(&p)),
                        "{} before its folder",
                        entry.path
                    );
                    assert!(
                        entry.kind != EntryKind::HardLink || seen.contains(entry.link),
                        "{} before its target",
                        entry.path
                    );
                    assert!(
                        seen.insert(entry.path.clone()),
                        "{} comes twice",
                        entry.path
                    );
                }
            }
        }
    }

    #[test]
    fn data_grow_with_the_size_and_the_largest_part_passes_8_gib_at_16_gb() {
        let sum = |size: u64, name: &str| -> u64 {
            let components = components();
            components
                .iter()
                .find(|c| c.name == name)
                .into_iter()
                .flat_map(|c| c.entries(recipe(size, None)))
                .map(|e| e.data.len())
                .sum()
        };
        for name in ["homeassistant", "media", "core_mariadb"] {
            let (small, large) = (sum(100_000_000, name), sum(1_000_000_000, name));
            assert!(
                (small * 10).abs_diff(large) <= large / 100,
                "{name}: {small} and {large}"
            );
        }
        assert!(sum(16_000_000_000, "media") > 8 << 30);
    }
}
