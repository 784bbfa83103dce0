//! How thoroughly a job looks at a backup.

/// How much of the parts must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As little as the plan needs.
    Needed,
    /// The same; meanwhile, parts that will be kept are checked.
    Checked,
    /// The same; and whole parts that are dropped by name are looked into, if they can be read, so
    /// that somebody who is asked sees what is in them.
    Asked,
    /// Everything that can be read, for a plan that shows what is large and is not carried out. A
    /// scan then stands for the key as well.
    All,
}
