//! Why a part is treated as it is, in a few words for a table.

use crate::error::escape;
use crate::plan::facts::{PartReason, Taker};
use crate::report::terms::Terms;
use crate::rules::Class;
use crate::size;

/// Words the reason for what happens to a part.
pub fn reason(reason: &PartReason, terms: &dyn Terms) -> String {
    let text = match reason {
        PartReason::Fits => "it fits as it is",
        PartReason::Kept => terms.keep(),
        PartReason::NotNamed => "not named",
        PartReason::NotNeeded => "not needed",
        PartReason::NoFinds => "no rule takes anything",
        PartReason::NotLookedInto => "not looked into",
        PartReason::Declined => "declined",
        PartReason::Consent { asks, declined } => return consent(asks, *declined),
        PartReason::Recoded { compressed: true } => "compressed like the others",
        PartReason::Recoded { compressed: false } => "not compressed, like the others",
        PartReason::Compressed => "compressed, nothing is lost",
        PartReason::Renamed => "with its correct name",
        PartReason::Decrypted => "decrypted",
        PartReason::Encrypted => "encrypted",
        PartReason::Reencrypted => "encrypted anew",
        PartReason::OtherVersion => "rewritten in another version",
        PartReason::Taken(takers) => return taken(takers, terms),
        PartReason::Stray => "nothing of the backup is in it",
        PartReason::PutInOrder => "put in order",
        PartReason::LikeTheOthers => "encrypted like the others",
        PartReason::AsItIs => "as it is",
    };
    text.to_owned()
}

fn taken(takers: &[Taker], terms: &dyn Terms) -> String {
    let each = takers.iter().map(|taker| match taker {
        Taker::Selector(text) => format!("{} {}", terms.drop(), escape(text.as_bytes())),
        Taker::Whole => "whole part".into(),
        Taker::Rule(id) => id.clone(),
    });
    each.collect::<Vec<String>>().join(", ")
}

fn consent(asks: &[(Class, u64)], declined: u64) -> String {
    let asks: Vec<String> = asks
        .iter()
        .map(|(class, stored)| format!("{} of {}", size::decimal(*stored), class.name()))
        .collect();
    let asks = asks.join(", ");
    match (asks.is_empty(), declined) {
        (true, declined) => format!("{} declined", size::decimal(declined)),
        (false, 0) => format!("{asks} only with consent"),
        (false, declined) => format!(
            "{} declined, {asks} only with consent",
            size::decimal(declined)
        ),
    }
}
