//! Reading contracts: from files to the model, with every problem as a finding.

pub mod tree;
