//! Whole runs on files: survey, rewrite and verify a backup, in stored bytes per second. The output
//! is also synced.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haslim::bench::make;
use haslim::crypt::KeyRing;
use haslim::format::securetar::Version;
use haslim::job::CopyWriter;
use haslim::open::Backup;
use haslim::plan::{self, Plan, Request, Selector};
use haslim::rewrite::{Output, Written};
use haslim::survey::{self, PartSurvey};

/// A generated backup, and everything needed to process it.
struct Sample {
    name: &'static str,
    backup: Backup,
    keys: Option<KeyRing>,
    surveys: Vec<PartSurvey>,
}

fn samples(folder: &Path) -> Vec<Sample> {
    let versions = [
        ("v2", Some(Version::V2)),
        ("v3", Some(Version::V3)),
        ("plain", None),
    ];
    let sample = |(name, version): (&'static str, Option<Version>)| {
        let keys = version.map(|_| support::keys());
        let mut output = Output::scratch(folder).unwrap();
        make::make(
            support::RECIPE,
            version.zip(keys.as_ref()),
            &mut output,
            &support::control(),
        )
        .unwrap();
        let backup = Backup::read(output.read_back().unwrap(), &support::control()).unwrap();
        let surveys = look_inside(&backup, keys.as_ref());
        Sample {
            name,
            backup,
            keys,
            surveys,
        }
    };
    versions.map(sample).into()
}

fn look_inside(backup: &Backup, keys: Option<&KeyRing>) -> Vec<PartSurvey> {
    let all: Vec<usize> = (0..backup.parts.len()).collect();
    survey::survey(backup, &all, keys, &support::control()).unwrap()
}

impl Sample {
    fn plan(&self, selector: &str) -> Plan {
        let drops = vec![Selector::parse(selector).unwrap()];
        let request = Request {
            drops,
            has_key: self.keys.is_some(),
            ..Request::new(u64::MAX).unwrap()
        };
        plan::make(&self.backup, &self.surveys, &request).unwrap()
    }

    fn writer<'a>(&'a self, plan: &'a Plan) -> CopyWriter<'a> {
        CopyWriter {
            backup: &self.backup,
            surveys: &self.surveys,
            plan,
            keys: self.keys.as_ref(),
        }
    }

    fn write(&self, plan: &Plan, folder: &Path) -> (Output, Written) {
        let mut output = Output::scratch(folder).unwrap();
        let written = self
            .writer(plan)
            .write(&mut output, false, &support::control())
            .unwrap();
        (output, written)
    }

    fn verify(&self, plan: &Plan, (output, written): &(Output, Written)) -> u64 {
        self.writer(plan)
            .verify(output, written, &support::control())
            .unwrap()
            .bytes_compared
    }
}

/// The steps of `shrink` after the survey.
const COPIES: [(&str, &str); 2] = [
    ("without a part", "media"),
    ("without a folder", "homeassistant:nest/event_media"),
];

fn whole(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples(folder.path());
    let mut group = criterion.benchmark_group("survey");
    for sample in &samples {
        group.throughput(Throughput::Bytes(sample.backup.input.len()));
        group.bench_function(sample.name, |bencher| {
            bencher.iter(|| look_inside(&sample.backup, sample.keys.as_ref()).len())
        });
    }
    group.finish();
    for (copy, selector) in COPIES {
        for sample in &samples {
            let plan = sample.plan(selector);
            let written = sample.write(&plan, folder.path());
            let mut group = criterion.benchmark_group(copy);
            group.throughput(Throughput::Bytes(written.1.size));
            group.bench_function(format!("rewrite {}", sample.name), |bencher| {
                bencher.iter(|| sample.write(&plan, folder.path()).1.size)
            });
            group.bench_function(format!("verify {}", sample.name), |bencher| {
                bencher.iter(|| sample.verify(&plan, &written))
            });
        }
    }
}

criterion_group! { name = benches; config = support::settings(); targets = whole }
criterion_main!(benches);
