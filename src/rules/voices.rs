//! Speech files that can be restored: messages that are rendered again, and voices published for
//! Piper, which it can download again.

/// One name per line; lines that begin with # contain the source.
const VOICES: &str = include_str!("piper_voices.txt");

/// Whether a file has the name of a published voice: `en_US-lessac-medium.onnx`, in any folder. A
/// voice that a user trained has another name and cannot be downloaded again.
pub fn is_published_voice(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    let Some(voice) = name.strip_suffix(b".onnx") else {
        return false;
    };
    VOICES
        .lines()
        .any(|line| line.as_bytes() == voice && !line.starts_with('#'))
}

/// Whether a file has the name that Home Assistant uses for a rendered message: it begins with the
/// 40 digits of the message's SHA-1 (homeassistant/components/tts, `_RE_VOICE_FILE`).
pub fn is_spoken_message(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    let digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    name.split_at_checked(40)
        .is_some_and(|(hash, rest)| hash.iter().all(digit) && rest.starts_with(b"_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_messages_are_told_from_recordings() {
        assert!(is_spoken_message(
            b"tts/0a4d55a8d778e5022fab701977c5d840bbc486d0_en-us_-_tts.cloud.mp3"
        ));
        for path in [
            "tts/20250101_made_for_you_1.mp3",
            "tts/0a4d55a8d778e5022fab701977c5d840bbc486d0.mp3",
            "tts/0a4d55a8d778e5022fab701977c5d840bbc486d_a_b_c.mp3",
            "tts/",
            "",
        ] {
            assert!(!is_spoken_message(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn published_voices_are_told_from_ones_own() {
        for path in [
            "data/en_US-lessac-medium.onnx",
            "data/pt_PT-tugão-medium.onnx",
            "de_DE-thorsten-high.onnx",
        ] {
            assert!(is_published_voice(path.as_bytes()), "{path}");
        }
        for path in [
            "data/en_US-mum-medium.onnx",
            "data/en_US-lessac-medium.onnx.json",
            "data/en_US-lessac-medium",
            "data/.onnx",
            "",
        ] {
            assert!(!is_published_voice(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn every_voice_of_the_list_is_spelled_like_one() {
        let voices: Vec<&str> = VOICES
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(voices.len(), 176);
        for voice in voices {
            let language = voice.split('-').next().unwrap_or_default();
            let quality = voice.rsplit('-').next().unwrap_or_default();
            assert!(
                voice.split('-').count() == 3 && language.contains('_'),
                "{voice}"
            );
            assert!(
                ["x_low", "low", "medium", "high"].contains(&quality),
                "{voice}"
            );
        }
    }
}
