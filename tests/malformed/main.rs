//! Hostile inputs, each with its exit code, its message, and what must not change.
//!
//! The numbers are those of the list of bad inputs that haslim was built against. Each test runs
//! the program itself, and asserts through [`judge`] that a failure leaves no file, changes nothing
//! and says what to do.
//!
//! | no. | input | test |
//! |---|---|---|
//! | 1 | an empty file | `outer::n01_an_empty_file_is_damaged` |
//! | 2 | zeros only | `outer::n02_a_file_of_zeros_is_damaged` |
//! | 3 | gzip, zip, zstd at the top | `outer::n03_other_formats_are_refused_by_name` |
//! | 4 | random bytes | `outer::n04_random_bytes_are_damaged` |
//! | 5 | cut inside a payload | `outer::n05_a_file_cut_inside_a_payload_is_damaged_with_both_sizes` |
//! | 6 | cut inside a header | `outer::n06_a_file_cut_inside_a_header_is_damaged` |
//! | 7 | a bad checksum in a later header | `outer::n07_a_wrong_checksum_in_a_later_header_is_damaged` |
//! | 8 | one zero block, then data | `outer::n08_a_zero_block_followed_by_data_is_damaged` |
//! | 9 | no end blocks | `outer::n09_missing_end_blocks_are_warned_of` |
//! | 10 | zeros behind the end | `outer::n10_zeros_of_any_length_may_follow_the_end` |
//! | 11 | other bytes behind the end | `outer::n11_other_bytes_behind_the_end_are_counted` |
//! | 12 | two backups in one file | `outer::n12_two_backups_in_one_file_are_refused` |
//! | 13 | PAX and ustar sizes that differ | `outer::n13_two_different_sizes_are_refused` |
//! | 14 | a PAX size over an empty field | `outer::n14_a_pax_size_over_an_empty_field_is_read` |
//! | 15 | a PAX size that is no plain number | `outer::n15_a_pax_size_that_is_no_plain_number_is_refused` |
//! | 16 | a wrong PAX record length | `outer::n16_a_pax_record_of_a_wrong_length_is_damaged` |
//! | 17 | an extended header over 1 MiB | `outer::n17_an_extended_header_over_a_mebibyte_is_refused_before_it_is_read` |
//! | 18 | base-256 sizes | `outer::n18_binary_sizes_are_read_unless_negative_or_absurd` |
//! | 19 | sizes that are not octal | `outer::n19_sizes_that_are_not_octal_are_damaged` |
//! | 20 | a PAX and a GNU name for one member | `outer::n20_of_a_pax_and_a_gnu_name_the_first_counts_as_for_python` |
//! | 21 | a size on a directory or link | `outer::n21_data_behind_a_directory_or_a_link_are_refused` |
//! | 22 | a member over 8 GiB | `outer::n22_a_member_over_8_gib_is_read_and_its_size_written_so_that_all_read_it` |
//! | 23 | a stale PAX size | `outer::n23_a_stale_pax_size_is_named_and_recovered_or_else_damage` |
//! | 24 | a part that is a link, device or directory | `outer::n24_a_part_that_is_a_link_a_device_or_a_directory_is_refused` |
//! | 25 | sparse files, unknown types | `outer::n25_sparse_files_and_unknown_types_are_refused` |
//! | 26 | no ./backup.json | `metadata::n26_metadata_that_are_missing_or_called_otherwise_are_damage` |
//! | 27 | two backup.json | `metadata::n27_two_copies_of_the_metadata_are_refused` |
//! | 28 | snapshot.json | `metadata::n28_a_snapshot_json_is_read` |
//! | 29 | metadata too large or too deep | `metadata::n29_metadata_that_are_too_large_or_too_deep_are_refused` |
//! | 30 | metadata that are no JSON | `metadata::n30_text_that_is_no_json_is_damaged` |
//! | 31 | duplicate keys | `metadata::n31_a_key_that_stands_twice_is_refused_at_any_depth` |
//! | 32 | unknown keys, odd numbers | `metadata::n32_unknown_keys_and_the_spelling_of_numbers_are_kept` |
//! | 33 | `protected` against the bytes | `metadata::n33_of_a_flag_and_the_bytes_the_bytes_count` |
//! | 34 | `compressed` against the names | `metadata::n34_names_that_disagree_about_compression_are_damage` |
//! | 35 | parts listed and absent, or present and unlisted | `metadata::n35_parts_that_are_listed_and_absent_or_present_and_unlisted_are_warned_of_and_kept` |
//! | 36 | add-ons listed twice | `metadata::n36_addons_and_folders_that_are_listed_twice_are_damage` |
//! | 37 | slugs that are paths | `metadata::n37_slugs_that_are_paths_are_refused` |
//! | 38 | unknown version or type | `metadata::n38_unknown_versions_and_types_are_refused` |
//! | 39 | parts of a few bytes | `header::n39_parts_that_are_too_short_are_damaged` |
//! | 40 | an unknown SecureTar version, reserved id bytes | `header::n40_unknown_versions_and_reserved_id_bytes_are_refused` |
//! | 41 | reserved metadata bytes | `header::n41_reserved_metadata_are_warned_of_and_not_written_again` |
//! | 42 | a wrong v2 size | `header::n42_a_wrong_v2_size_is_damaged` |
//! | 43 | a wrong v3 size | `header::n43_a_wrong_v3_size_is_damaged_and_reserves_nothing` |
//! | 44 | v3 chunks missing, swapped, cut, ending early | `header::n44_chunks_that_are_missing_swapped_cut_or_end_early_are_damaged` |
//! | 45 | bytes behind the final chunk | `header::n45_bytes_behind_the_final_chunk_are_warned_of` |
//! | 46 | v2 ciphertext of broken blocks | `header::n46_v2_ciphertext_that_is_no_whole_blocks_is_damaged` |
//! | 47 | bad padding | `header::n47_bad_padding_is_damaged` |
//! | 48 | bit flips | `header::n48_a_flipped_bit_is_found_or_harmless_or_said_to_be_beyond_finding` |
//! | 49 | different root salts | `header::n49_different_root_salts_become_one` |
//! | 50 | mixed versions | `header::n50_mixed_versions_become_one` |
//! | 51 | thousands of salts | `header::n51_more_salts_than_any_backup_has_are_refused_before_a_key_is_derived` |
//! | 52 | nonces of changed data | `header::n52_no_salt_and_no_nonce_is_ever_used_for_changed_data` |
//! | 53 | no password | `password::n53_a_missing_password_is_not_asked_for_off_a_terminal` |
//! | 54 | a wrong password | `password::n54_a_wrong_password_is_told_before_anything_large_is_read` |
//! | 55 | wrong or damaged, in v2 | `password::n55_in_v2_a_wrong_password_and_damage_look_alike_on_one_part_and_the_others_tell` |
//! | 56 | parts with different passwords | `password::n56_parts_with_another_password_are_named` |
//! | 57 | an empty password | `password::n57_an_empty_password_is_no_password` |
//! | 58 | a line end behind the password | `password::n58_a_line_end_or_a_blank_behind_the_password_in_a_file_does_no_harm` |
//! | 59 | NFD for NFC | `password::n59_a_password_in_the_other_normal_form_is_tried_too` |
//! | 60 | a password for a plain backup | `password::n60_a_password_for_a_plain_backup_is_noted` |
//! | 61 | not gzip | `gzip::n61_what_is_not_gzip_is_damaged` |
//! | 62 | a wrong or missing trailer | `gzip::n62_a_wrong_or_missing_trailer_is_damaged` |
//! | 63 | deflate cut short | `gzip::n63_deflate_data_that_are_cut_are_damaged_inside_an_entry_and_between_two` |
//! | 64 | several gzip members | `gzip::n64_several_members_are_read_and_one_is_written` |
//! | 65 | an empty first member | `gzip::n65_an_empty_first_member_hides_nothing` |
//! | 66 | bytes behind the gzip stream | `gzip::n66_bytes_behind_the_stream_are_warned_of` |
//! | 67 | FEXTRA, FHCRC | `gzip::n67_optional_header_fields_are_read_and_never_written` |
//! | 68 | a bomb | `gzip::n68_a_bomb_takes_fixed_memory_and_can_be_refused` |
//! | 69 | parts over 100:1 | `gzip::n69_parts_that_home_assistant_restores_slowly_are_noted` |
//! | 70 | names that lead elsewhere | `inner::n70_names_that_lead_elsewhere_are_refused_if_kept` |
//! | 71 | control characters in names | `inner::n71_control_characters_in_names_are_shown_escaped_and_kept` |
//! | 72 | names that are not UTF-8 | `inner::n72_names_that_are_not_utf8_are_kept_byte_for_byte` |
//! | 73 | paths over 4,096 bytes | `inner::n73_paths_that_linux_cannot_make_are_warned_of` |
//! | 74 | thousands of levels | `inner::n74_folders_of_any_depth_are_read_without_recursion` |
//! | 75 | duplicate paths | `inner::n75_entries_of_one_path_go_or_stay_together` |
//! | 76 | a file and a directory of one name | `inner::n76_a_file_and_a_directory_of_one_name_are_refused` |
//! | 77 | a hard link whose target goes | `inner::n77_the_data_of_a_hard_link_stay_when_their_first_name_goes` |
//! | 78 | hard links forward and in a circle | `inner::n78_hard_links_that_lead_forward_or_in_a_circle_are_refused` |
//! | 79 | hard links out of the part | `inner::n79_hard_links_out_of_the_part_are_refused` |
//! | 80 | absolute and dangling symbolic links | `inner::n80_symbolic_links_to_anywhere_are_kept` |
//! | 81 | a file through a symbolic link | `inner::n81_a_file_through_a_symbolic_link_is_refused` |
//! | 82 | devices, FIFOs | `inner::n82_devices_and_fifos_are_kept_as_metadata` |
//! | 83 | impossible times | `inner::n83_times_that_no_system_can_set_are_refused` |
//! | 84 | very many entries | `inner::n84_very_many_entries_stay_inside_the_memory_bound` |
//! | 85 | a part left empty | `inner::n85_a_part_that_is_left_empty_goes_with_its_metadata` |
#![cfg(unix)] // These tests measure the program through sh and /proc.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod gzip;
mod header;
mod inner;
mod judge;
mod metadata;
mod outer;
mod password;
#[path = "../support/mod.rs"]
mod support;

use support::{make, seal};

/// How many inputs the list has.
const INPUTS: usize = 85;

/// The tests by file, extracted from the sources: the functions after the attribute.
fn tests() -> Vec<String> {
    let files = [
        ("outer", include_str!("outer.rs")),
        ("metadata", include_str!("metadata.rs")),
        ("header", include_str!("header.rs")),
        ("password", include_str!("password.rs")),
        ("gzip", include_str!("gzip.rs")),
        ("inner", include_str!("inner.rs")),
    ];
    let name = |rest: &str| {
        rest.trim_start()
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
            .map(|(name, _)| name.to_owned())
    };
    let of_file = |(file, text): &(&str, &str)| {
        let found = text
            .split("#[test]\n")
            .skip(1)
            .map(|rest| format!("{file}::{}", name(rest).expect("a test is a function")));
        found.collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
}

#[test]
fn the_table_of_contents_names_every_input_and_every_test_once() {
    let rows: Vec<(usize, &str)> = include_str!("main.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix("` |"))
        .map(|line| {
            (
                line.split(' ').next().unwrap().parse().unwrap(),
                line.rsplit('`').next().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (1..=INPUTS).collect::<Vec<_>>()
    );
    for (number, test) in &rows {
        assert!(
            test.contains(&format!("::n{number:02}_")),
            "{test} is not number {number}"
        );
    }
    let mut listed: Vec<&str> = rows.iter().map(|(_, test)| *test).collect();
    let mut tests = tests();
    listed.sort_unstable();
    tests.sort_unstable();
    assert_eq!(listed, tests);
}
