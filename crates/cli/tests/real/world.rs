//! A user with one real agent, a sample repository, and a model that says what the test wants.

use crate::env::TestEnv;
use model_server::{ModelServer, Records};
use serde_json::Value;
use std::path::PathBuf;

pub(crate) const BROKEN: &str = "#!/bin/sh\necho $(($1 - $2))\n";
pub(crate) const MENDED: &str = "#!/bin/sh\necho $(($1 + $2))\n";

/// Where the pinned agents are. Tests of this program run only where there are any.
pub(crate) fn agents_folder() -> PathBuf {
    let set = std::env::var_os("PARTITA_REAL_AGENTS");
    PathBuf::from(set.expect("PARTITA_REAL_AGENTS names the folder that `testing/real-agents/install` prints"))
}

pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) model: ModelServer,
    pub(crate) agent: &'static str,
}
