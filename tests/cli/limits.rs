//! Copies never exceed the limit.

use crate::line;
use crate::support::*;

fn predicted(name: &str, rest: &str) -> u64 {
    haslim(line("plan", &fixture(name), &format!("{rest} --json"))).json()["predicted_size"]
        .as_u64()
        .unwrap()
}

#[test]
fn the_predicted_size_of_whole_parts_is_a_limit_that_is_met_and_one_byte_less_is_not() {
    for name in [
        "v2.tar",
        "v3.tar",
        "v3-uncompressed.tar",
        "plain.tar",
        "core-v3.tar",
    ] {
        for rest in [
            "--drop homeassistant",
            "--drop homeassistant --drop supervisor",
        ] {
            // Without a key, only whole parts are offered, and the plan is exact.
            let size = keyless(line("plan", &fixture(name), &format!("{rest} --json"))).json()["predicted_size"].as_u64().unwrap();
            let scratch = Scratch::new();
            let (input, output) = (scratch.copy(name), scratch.path("out.tar"));
            let args = |limit: u64| {
                line(
                    "shrink",
                    &input,
                    &format!(
                        "{rest} --keep share --yes --limit {limit} -o {}",
                        output.display()
                    ),
                )
            };
            if name != "plain.tar" {
                let run = keyless(args(size - 1)).code(4);
                assert!(
                    run.err.contains("would be 1 B over the limit"),
                    "{}",
                    run.err
                );
                assert!(!output.exists(), "{name}");
            }
            keyless(args(size)).code(0);
            assert_eq!(
                std::fs::metadata(&output).unwrap().len(),
                size,
                "{name} {rest}"
            );
        }
    }
}

#[test]
fn no_output_is_larger_than_its_limit() {
    for (rest, names) in [
        ("--drop media:music", &["v2.tar", "plain.tar"][..]),
        ("--drop homeassistant:www/**", &["v2.tar", "v3.tar"]),
        ("--drop database", &["v2.tar", "plain.tar"]),
        ("--drop share:**", &["v2.tar", "v3.tar"]),
    ] {
        for name in names {
            let scratch = Scratch::new();
            let (input, output) = (scratch.copy(name), scratch.path("out.tar"));
            let size = predicted(name, rest);
            for limit in [size, size - 1, size - 512] {
                let run = haslim(line(
                    "shrink",
                    &input,
                    &format!(
                        "{rest} --yes --force --limit {limit} -o {}",
                        output.display()
                    ),
                ));
                match run.code {
                    0 => assert!(
                        std::fs::metadata(&output).unwrap().len() <= limit,
                        "{name} {rest} {limit}"
                    ),
                    4 => assert!(run.err.contains("over the limit"), "{}", run.err),
                    other => panic!("{name} {rest} {limit}: {other}\n{}", run.err),
                }
                if run.code == 4 {
                    let _ = std::fs::remove_file(&output);
                }
            }
        }
    }
}

#[test]
fn what_is_named_goes_even_if_the_backup_fits() {
    let scratch = Scratch::new();
    let (input, output) = (scratch.copy("v3.tar"), scratch.path("out.tar"));
    keyless(line(
        "shrink",
        &input,
        &format!("--drop media --yes -o {}", output.display()),
    ))
    .code(0);
    assert!(!members(&output).iter().any(|m| m.name == "media.tar.gz"));
}

#[test]
fn a_file_of_exactly_the_limit_fits() {
    let size = std::fs::metadata(fixture("v3.tar")).unwrap().len();
    for (limit, fits) in [(size, true), (size - 1, false)] {
        let value = keyless(line(
            "info",
            &fixture("v3.tar"),
            &format!("--json --limit {limit}"),
        ))
        .code(0)
        .json();
        assert_eq!(value["fits"], fits);
    }
    keyless(line("plan", &fixture("v3.tar"), &format!("--limit {size}"))).code(3);
}

#[test]
fn sizes_are_decimal_or_binary_as_written() {
    for (text, bytes) in [
        ("5GB", 5_000_000_000u64),
        ("4.7GiB", 5_046_586_572),
        ("1000000", 1_000_000),
        ("1MiB", 1 << 20),
    ] {
        let value = keyless(line(
            "info",
            &fixture("v3.tar"),
            &format!("--json --limit {text}"),
        ))
        .code(0)
        .json();
        assert_eq!(value["limit"], bytes, "{text}");
    }
}
