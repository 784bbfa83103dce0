//! Runs whose environment is known, for what is shown on a screen of a certain width.

use std::path::Path;

use crate::support::*;

/// The password, and nothing else that changes what is printed.
pub fn env<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("HASLIM_PASSWORD", PASSWORD)], more].concat()
}

/// A run with this environment, in the folder of the backup: the length of its path must not decide
/// about the layout. Its name is the second argument.
pub fn beside(args: &[String], env: &[(&str, &str)]) -> Run {
    let path = Path::new(&args[1]);
    let mut args = args.to_vec();
    args[1] = path.file_name().unwrap().to_str().unwrap().to_owned();
    in_folder(path.parent().unwrap(), &args, env)
}

/// A run with this environment in this folder.
pub fn in_folder(folder: &Path, args: &[String], env: &[(&str, &str)]) -> Run {
    let mut command = assert_cmd::Command::cargo_bin("haslim").unwrap();
    for variable in [
        "HASLIM_PASSWORD",
        "NO_COLOR",
        "COLUMNS",
        "LC_ALL",
        "LC_CTYPE",
        "LANG",
    ] {
        command.env_remove(variable);
    }
    let output = command
        .args(args)
        .current_dir(folder)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
