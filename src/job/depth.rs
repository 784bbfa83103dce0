//! How thoroughly a job looks at a backup.

/// How much of the parts must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As little as the plan needs.
    Needed,
    /// The same; meanwhile, parts that will be kept are checked.
    Checked,
    /// Everything that can be read, for a plan that shows what is large and is not carried out. A
    /// scan then stands for the key as well.
    All,
}
