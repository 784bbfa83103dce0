//! The Python process that reports what Home Assistant's readers see.

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running worker.py.
pub struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it with the Python that `HASLIM_DIFFERENTIAL_PYTHON` names; words are separated by
    /// spaces.
    pub fn start() -> Self {
        let command = std::env::var("HASLIM_DIFFERENTIAL_PYTHON").expect(
            "HASLIM_DIFFERENTIAL_PYTHON names no Python; start with tests/differential/run",
        );
        let mut words = command.split_whitespace();
        let mut child = Command::new(words.next().expect("a command"))
            .args(words)
            .args(["-c", include_str!("worker.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command}: {e}"));
        let (requests, answers) = (
            child.stdin.take().unwrap(),
            BufReader::new(child.stdout.take().unwrap()),
        );
        Self {
            child,
            requests,
            answers,
        }
    }

    /// Sends all requests at once; the answers come in the same order.
    pub fn ask(&mut self, kind: u8, requests: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut all = (requests.len() as u32).to_le_bytes().to_vec();
        for request in requests {
            all.push(kind);
            all.extend((request.len() as u32).to_le_bytes());
            all.extend_from_slice(request);
        }
        self.requests
            .write_all(&all)
            .expect("the worker takes requests");
        requests.iter().map(|_| self.answer()).collect()
    }

    fn answer(&mut self) -> Vec<u8> {
        let mut len = [0; 4];
        self.answers
            .read_exact(&mut len)
            .expect("the worker answers");
        let mut answer = vec![0; u32::from_le_bytes(len) as usize];
        self.answers
            .read_exact(&mut answer)
            .expect("the worker answers in full");
        answer
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
