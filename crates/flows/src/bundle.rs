//! Everything a definition is made of, as canonical bytes: what a run is pinned to, and what brings it back when the
//! files have changed or gone.

use crate::contract::Contract;
use crate::places::{Origin, Taken};
use crate::project;
use domain::{Network, Size};
use engine::ports::Setup;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const FORMAT: u64 = 1;

/// The parts of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) origin: Origin,
    /// How problems call the flow file.
    pub(crate) label: String,
    pub(crate) flow: String,
    pub(crate) texts: Taken,
    pub(crate) project: project::Taken,
    pub(crate) size: Size,
    pub(crate) fast: bool,
}

impl Bundle {
    /// The bytes. The same parts give the same bytes for ever: hashes of stored runs depend on it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Contracts change only with the program: their hashes make such a change visible as a drift.
        let contracts: BTreeMap<&str, String> = Contract::WORDS
            .iter()
            .map(|(word, contract)| (*word, hash(contract.text().as_bytes())))
            .collect();
        let mut parts = serde_json::json!([
            ["format", FORMAT],
            ["origin", origin_word(self.origin)],
            ["label", self.label],
            ["flow", self.flow],
            ["personas", self.texts.personas.iter().collect::<Vec<_>>()],
            ["schemas", self.texts.schemas.iter().collect::<Vec<_>>()],
            ["contracts", contracts.iter().collect::<Vec<_>>()],
            ["size", size_word(self.size)],
            ["fast", self.fast],
        ]);
        // Only where there is something to say: bundles of before have no such part.
        if let Some(parts) = parts
            .as_array_mut()
            .filter(|_| self.project != project::Taken::default())
        {
            parts.push(serde_json::json!(["project", project_parts(&self.project)]));
        }
        parts.to_string().into_bytes()
    }

    /// The parts of such bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let broken = |what: &str| format!("the stored definition is broken: {what}");
        let parts: Vec<(String, serde_json::Value)> =
            serde_json::from_slice(bytes).map_err(|error| broken(&error.to_string()))?;
        let part = |name: &str| {
            parts
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value)
        };
        let text = |name: &str| {
            part(name)
                .and_then(serde_json::Value::as_str)
                .ok_or_else(|| broken(name))
        };
        let texts = |name: &str| -> Result<BTreeMap<String, String>, String> {
            let pairs: Vec<(String, String)> =
                serde_json::from_value(part(name).cloned().unwrap_or_default()).map_err(|_| broken(name))?;
            Ok(pairs.into_iter().collect())
        };
        if part("format").and_then(serde_json::Value::as_u64) != Some(FORMAT) {
            return Err(broken("its format is not known to this version"));
        }
        Ok(Self {
            origin: parse_origin(text("origin")?).ok_or_else(|| broken("origin"))?,
            label: text("label")?.to_owned(),
            flow: text("flow")?.to_owned(),
            texts: Taken {
                personas: texts("personas")?,
                schemas: texts("schemas")?,
            },
            project: parse_project(part("project")).ok_or_else(|| broken("project"))?,
            size: parse_size(text("size")?).ok_or_else(|| broken("size"))?,
            fast: part("fast")
                .and_then(serde_json::Value::as_bool)
                .ok_or_else(|| broken("fast"))?,
        })
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "built-in",
        Origin::Project => "project",
    }
}

fn parse_origin(word: &str) -> Option<Origin> {
    [Origin::BuiltIn, Origin::Project]
        .into_iter()
        .find(|origin| origin_word(*origin) == word)
}

/// What a size is called.
pub(crate) const fn size_word(size: Size) -> &'static str {
    match size {
        Size::Small => "small",
        Size::Medium => "medium",
        Size::Large => "large",
    }
}

fn parse_size(word: &str) -> Option<Size> {
    SIZES
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, size)| *size)
}

/// What the sizes are called.
pub(crate) const SIZES: [(&str, Size); 3] = [
    (size_word(Size::Small), Size::Small),
    (size_word(Size::Medium), Size::Medium),
    (size_word(Size::Large), Size::Large),
];

fn project_parts(taken: &project::Taken) -> serde_json::Value {
    let setup = taken.setup.as_ref();
    let setup =
        setup.map(|setup| serde_json::json!([setup.command, setup.timeout_ms, network_word(setup.network)]));
    serde_json::json!([["gate", taken.gate], ["setup", setup]])
}

fn parse_project(part: Option<&serde_json::Value>) -> Option<project::Taken> {
    let Some(part) = part else {
        return Some(project::Taken::default());
    };
    let parts: BTreeMap<String, serde_json::Value> = serde_json::from_value::<Vec<_>>(part.clone())
        .ok()?
        .into_iter()
        .collect();
    let setup: Option<(String, u64, String)> = serde_json::from_value(parts.get("setup")?.clone()).ok()?;
    let setup = match setup {
        None => None,
        Some((command, timeout_ms, network)) => Some(Setup {
            command,
            timeout_ms,
            network: [Network::None, Network::Open]
                .into_iter()
                .find(|known| network_word(*known) == network)?,
        }),
    };
    Some(project::Taken {
        gate: serde_json::from_value(parts.get("gate")?.clone()).ok()?,
        setup,
    })
}

/// What a network is called.
const fn network_word(network: Network) -> &'static str {
    match network {
        Network::None => "none",
        Network::Open => "open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_reads_what_it_writes() {
        let bundle = Bundle {
            origin: Origin::Project,
            label: ".partita/flows/x.toml".to_owned(),
            flow: "name = \"é\"\n".to_owned(),
            texts: Taken {
                personas: BTreeMap::from([("p".to_owned(), "text".to_owned())]),
                schemas: BTreeMap::from([("s.json".to_owned(), "{}".to_owned())]),
            },
            project: project::Taken {
                gate: Some("make test".to_owned()),
                setup: Some(Setup {
                    command: "make ready".to_owned(),
                    timeout_ms: 1_000,
                    network: Network::Open,
                }),
            },
            size: Size::Large,
            fast: true,
        };
        assert_eq!(Bundle::parse(&bundle.bytes()), Ok(bundle.clone()));
        assert_ne!(
            bundle.bytes(),
            Bundle {
                fast: false,
                ..bundle.clone()
            }
            .bytes()
        );
        let silent = Bundle {
            project: project::Taken::default(),
            ..Bundle::parse(&bundle.bytes()).unwrap()
        };
        assert_eq!(Bundle::parse(&silent.bytes()), Ok(silent.clone()));
        assert!(
            !String::from_utf8(silent.bytes())
                .unwrap()
                .contains("\"project\",[")
        );
        for broken in [&b""[..], b"{}", b"[]", b"[[\"format\",2]]", b"\xff"] {
            assert!(Bundle::parse(broken).is_err());
        }
    }
}
