//! `haslim completions` and `haslim man`: what other programs need to know about the command line.

use std::fs::create_dir_all;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use haslim::{Error, Result};

use crate::cli::args;
use crate::cli::render::escaped_path;
use crate::cli::session::{DONE, Session};

const PROGRAM: &str = "haslim";

/// Prints the script that lets a shell complete commands and options.
pub fn completions(session: &Session, shell: Shell) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), PROGRAM, &mut script);
    session.screen.bytes(&script);
    Ok(DONE)
}

/// Prints one manual page about all commands, or writes a page for each into a folder.
///
/// # Errors
/// `OutputIo`.
pub fn man(session: &Session, folder: Option<&Path>) -> Result<u8> {
    let Some(folder) = folder else {
        let page = page().map_err(|error| Error::output(error, "cannot make the manual page"))?;
        session.screen.bytes(&page);
        return Ok(DONE);
    };
    create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(without_help(), folder))
        .map_err(|error| {
            let doing = format!("cannot write manual pages into {}", escaped_path(folder));
            Error::output(error, &doing)
        })?;
    session.screen.say(&format!(
        "Manual pages are in {}; `man -l {}/haslim.1` shows the first.",
        escaped_path(folder),
        escaped_path(folder)
    ));
    Ok(DONE)
}

/// The commands without `help`, which has a copy of each of them, and without what differs between
/// systems.
fn without_help() -> Command {
    args::command()
        .long_version(None)
        .disable_help_subcommand(true)
}

/// A page about the program, with a section for each command.
fn page() -> io::Result<Vec<u8>> {
    let mut program = without_help();
    program.build();
    let man = Man::new(program.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for command in program.get_subcommands() {
        section(command, &mut page)?;
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A command's page as one section: its sections become subsections.
fn section(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let man = Man::new(command.clone());
    let mut own = Vec::new();
    man.render_synopsis_section(&mut own)?;
    man.render_description_section(&mut own)?;
    man.render_options_section(&mut own)?;
    man.render_extra_section(&mut own)?;
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    for line in String::from_utf8_lossy(&own).lines() {
        match line.strip_prefix(".SH ") {
            Some(title) => writeln!(page, ".SS {title}")?,
            None => writeln!(page, "{line}")?,
        }
    }
    Ok(())
}
