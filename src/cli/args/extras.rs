//! The arguments of `haslim completions` and `haslim man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Which shell completes commands and options.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS)]
pub struct Completions {
    /// The shell that the script is for
    pub shell: Shell,
}

/// Where the manual pages go.
#[derive(Debug, Args)]
#[command(after_help = MAN)]
pub struct Man {
    /// Write a page for each command into this folder, which is made if it does not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

const COMPLETIONS: &str = "\
Examples:
  haslim completions bash > ~/.local/share/bash-completion/completions/haslim
  haslim completions zsh > ~/.zfunc/_haslim      (~/.zfunc must be in fpath)
  haslim completions fish > ~/.config/fish/completions/haslim.fish
  haslim completions powershell >> $PROFILE";

const MAN: &str = "\
Examples:
  haslim man | man -l -                      read all of it as one page
  haslim man -o ~/.local/share/man/man1      install a page for each command";
