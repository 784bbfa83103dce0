//! Contents like those of sources, logs and registries.

use super::random::Random;

/// The number of different words.
const WORDS: usize = 1500;

const BEGINS: [&str; 24] = [
    "as", "con", "de", "ent", "fi", "get", "hub", "in", "jo", "ke", "li", "me", "no", "on", "pro",
    "qu", "re", "sen", "tem", "up", "va", "wi", "x", "zo",
];
const MIDDLES: [&str; 20] = [
    "a", "at", "be", "ca", "di", "er", "fo", "ga", "ia", "it", "lo", "mi", "ne", "or", "pu", "ra",
    "si", "to", "us", "ve",
];
const ENDS: [&str; 16] = [
    "_id", "_data", "al", "ble", "ce", "ed", "er", "fig", "ing", "ity", "ment", "or", "sor",
    "_state", "ty", "_value",
];

/// Lines of Python: `{}` is replaced by a word, `~` by a number, and doubled braces by single ones.
const SOURCE: [&str; 20] = [
    "from .{} import {}, {}\n",
    "from homeassistant.{} import {}\n",
    "\n\nclass {}({}):\n    \"\"\"{} of the {} {}.\"\"\"\n\n",
    "    def {}(self, {}: {}) -> {}:\n",
    "    async def async_{}(self, {}: str, {}: int = ~) -> None:\n",
    "        \"\"\"Return the {} of this {}.\"\"\"\n",
    "        self._{} = {}\n",
    "        self._{} = {}.get(\"{}\", ~)\n",
    "        if {} is not None and self.{}:\n",
    "            return self.{}[{}]\n",
    "            raise {}(f\"{} {} {{{}}}\")\n",
    "        for {} in self.{}.{}():\n",
    "            await self.hass.async_add_executor_job({}, {})\n",
    "            {}.append({}({}, {}=~))\n",
    "        _LOGGER.debug(\"{} {} %s\", {})\n",
    "        return {{\"{}\": self.{}, \"{}\": {}}}\n",
    "    # {} {} the {} {}, see ~\n",
    "    _attr_{} = \"{}\"\n",
    "        with {}({}) as {}:\n",
    "\n",
];

/// The words used in all texts, and the lines of the sources.
#[derive(Debug)]
pub(super) struct Words {
    words: Vec<String>,
    /// [`SOURCE`], taken apart.
    lines: Vec<Vec<Segment>>,
}

/// What a line is made of.
#[derive(Debug)]
enum Segment {
    Text(Vec<u8>),
    Word,
    Number,
}

/// Takes a line apart.
fn segments(template: &str) -> Vec<Segment> {
    let (mut all, mut text) = (Vec::new(), Vec::new());
    let mut rest = template.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let segment = match (first, tail) {
            (b'{', [b'{', tail @ ..]) | (b'}', [b'}', tail @ ..]) => {
                text.push(*first);
                rest = tail;
                continue;
            }
            (b'{', [b'}', tail @ ..]) => {
                rest = tail;
                Segment::Word
            }
            (b'~', _) => Segment::Number,
            _ => {
                text.push(*first);
                continue;
            }
        };
        all.push(Segment::Text(std::mem::take(&mut text)));
        all.push(segment);
    }
    all.push(Segment::Text(text));
    all
}

impl Words {
    pub fn new() -> Self {
        // The same words for every seed: they are the language, not the text.
        let mut random = Random::new(0, 0);
        let mut pick = |list: &[&'static str]| {
            list.get(random.skewed(list.len()))
                .copied()
                .unwrap_or_default()
        };
        let words = (0..WORDS)
            .map(|_| [pick(&BEGINS), pick(&MIDDLES), pick(&MIDDLES), pick(&ENDS)].concat())
            .collect();
        Self {
            words,
            lines: SOURCE.iter().map(|line| segments(line)).collect(),
        }
    }

    fn pick(&self, random: &mut Random) -> &str {
        self.words
            .get(random.skewed(self.words.len()))
            .map_or("", String::as_str)
    }

    /// Appends a line or two of Python.
    pub fn source(&self, random: &mut Random, out: &mut Vec<u8>) {
        let at = random.skewed(SOURCE.len());
        let line = self.lines.get(SOURCE.len() - 1 - at);
        for segment in line.into_iter().flatten() {
            match segment {
                Segment::Text(text) => out.extend_from_slice(text),
                Segment::Word => out.extend_from_slice(self.pick(random).as_bytes()),
                Segment::Number => {
                    out.extend_from_slice(random.below(1000).to_string().as_bytes());
                }
            }
        }
    }

    /// Appends a line of a log; `line` is its number.
    pub fn log(&self, line: u64, random: &mut Random, out: &mut Vec<u8>) {
        let (hour, minute, second) = (line / 3600 % 24, line / 60 % 60, line % 60);
        let (milli, word) = (random.below(1000), self.pick(random));
        let text = format!(
            "2026-11-20 {hour:02}:{minute:02}:{second:02}.{milli:03} WARNING (MainThread) [homeassistant.components.{word}] Updating {word} took longer than the scheduled update interval 0:00:30\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends an entity of the registry; `entity` is its number.
    pub fn registry(&self, entity: u64, random: &mut Random, out: &mut Vec<u8>) {
        let (unique, word) = (
            u128::from(random.next()) << 64 | u128::from(random.next()),
            self.pick(random),
        );
        let text = format!(
            "{{\"entity_id\": \"sensor.{word}_{entity}\", \"unique_id\": \"{unique:032x}\", \"platform\": \"mqtt\", \"name\": null, \"disabled_by\": null, \"area_id\": \"{word}\"}},\n"
        );
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_completely() {
        let (words, mut random, mut out) = (Words::new(), Random::new(1, 1), Vec::new());
        (0..2000).for_each(|_| words.source(&mut random, &mut out));
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.contains("{}") && !text.contains('~'),
            "a place was left empty"
        );
        assert!(text.lines().any(|line| line.starts_with("    def ")) && text.contains("class "));
    }

    #[test]
    fn lines_of_a_log_carry_their_time() {
        let (words, mut out) = (Words::new(), Vec::new());
        words.log(3661, &mut Random::new(1, 1), &mut out);
        assert!(
            out.starts_with(b"2026-11-20 01:01:01."),
            "{}",
            out.escape_ascii()
        );
    }
}
