//! The outer tar and the metadata of a backup, from any bytes.

use haslim::format::outer::scan;
use haslim::format::tar::block::BLOCK;
use haslim::format::tar::header::{Assembler, Header, Step};
use haslim::open::Backup;
use haslim::pipe::Control;

/// Valid members follow one another, are inside the file, and can be given another size.
pub fn run(data: &[u8]) {
    let input = crate::input(data);
    if let Ok(outer) = scan(&input, &Control::default()) {
        let mut at = 0;
        for member in &outer.members {
            assert_eq!(member.header_at, at, "members with a gap between them");
            at = member.end();
            assert!(at <= input.len(), "a member reaches beyond the file");
            for size in [0, 1, 1 << 33] {
                let raw = member.header_with_size(size).unwrap();
                let resized = read(&raw);
                let kind = member.header.kind;
                // A directory cannot have a size.
                let Some(resized) = resized else {
                    assert!(
                        size > 0 && kind != haslim::format::tar::block::EntryKind::File,
                        "a resized header is not read"
                    );
                    continue;
                };
                assert_eq!(
                    (&resized.name, resized.kind, resized.size),
                    (&member.header.name, kind, size)
                );
            }
        }
    }
    if let Ok(backup) = Backup::read(input, &Control::default()) {
        let stored: u64 = backup.members.iter().map(|member| member.stored()).sum();
        assert!(stored <= data.len() as u64);
        assert!(
            backup
                .parts
                .iter()
                .all(|part| part.member < backup.members.len())
        );
    }
}

fn read(raw: &[u8]) -> Option<Header> {
    let mut assembler = Assembler::default();
    raw.as_chunks::<BLOCK>()
        .0
        .iter()
        .find_map(|block| match assembler.push(block) {
            Ok(Step::Header(header)) => Some(*header),
            _ => None,
        })
}
