//! Unusual tars, made from parts that can each be odd.

mod build;
mod fields;
mod layout;
mod pax;

use crate::rng::Rng;
use crate::{Case, SOUND};

use build::{Archive, Types};

/// One way to make an archive odd, and its name in the report.
type Oddity = (&'static str, fn(&mut Rng, &mut Archive));

/// A part's archive.
pub fn inner(rng: &mut Rng) -> Case {
    case(rng, Types::All)
}

/// A backup's archive.
pub fn outer(rng: &mut Rng) -> Case {
    case(rng, Types::Files)
}

/// Makes a small archive with at most three oddities.
fn case(rng: &mut Rng, types: Types) -> Case {
    let mut archive = Archive::sound(rng, types);
    let mut oddities = Vec::new();
    for _ in 0..rng.pick(&[0, 1, 1, 1, 1, 2, 2, 3]) {
        let groups: [&[Oddity]; 3] = [fields::ODDITIES, pax::ODDITIES, layout::ODDITIES];
        let group = rng.pick(&groups);
        let (name, apply) = rng.pick(group);
        apply(rng, &mut archive);
        oddities.push(name);
    }
    let mut bytes = archive.to_bytes();
    if rng.one_in(8) {
        let (name, apply) = rng.pick(layout::ON_BYTES);
        apply(rng, &mut bytes);
        oddities.push(name);
    }
    if oddities.is_empty() {
        oddities.push(SOUND);
    }
    Case { bytes, oddities }
}
