//! What is lost with files that no rule takes.

use crate::plan::facts::{Dropped, Holding};
use crate::report::words;

/// How many protected files are dropped, why they are protected, and what they hold.
pub(super) fn files(dropped: &Dropped) -> Option<String> {
    let loss = &dropped.loss;
    if loss.protected.is_empty() {
        return None;
    }
    let named: Vec<&str> = loss.holds.iter().map(|holding| holds(*holding)).collect();
    let holds = if named.is_empty() {
        String::new()
    } else {
        format!(" They hold: {}.", named.join(", "))
    };
    let reasons = loss.protected.iter();
    let reasons: Vec<String> = reasons
        .map(|(reason, count)| format!("{}: {reason}", words::files(*count)))
        .collect();
    Some(format!("{}{holds}", reasons.join(" ")))
}

fn holds(holding: Holding) -> &'static str {
    match holding {
        Holding::Areas => "areas",
        Holding::Dashboards => "dashboards",
        Holding::Devices => "devices",
        Holding::Energy => "the energy dashboard",
        Holding::Entities => "entities",
        Holding::Floors => "floors",
        Holding::Helpers => "helpers",
        Holding::Home => "the home's name and place",
        Holding::Integrations => "integrations",
        Holding::Labels => "labels",
        Holding::Persons => "persons",
        Holding::Tags => "tags",
        Holding::Users => "users",
        Holding::Zones => "zones",
    }
}
