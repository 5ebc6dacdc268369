//! Stored forms of a plan and of the definition that it was compiled from.

use super::DecodeError;
use super::value::{decode_value, encode_value};
use super::words::{AccessWord, NetworkWord, StepKindWord, TriggerWord};
use domain::{Expression, FlowRef, Name, Plan as Known, PlanStep, Retry as KnownRetry};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct Flow {
    name: String,
    version: u32,
    hash: String,
}

impl Flow {
    pub(super) fn of(flow: &FlowRef) -> Self {
        let FlowRef { name, version, hash } = flow;
        Self {
            name: name.to_string(),
            version: *version,
            hash: hash.clone(),
        }
    }

    pub(super) fn restore(self) -> FlowRef {
        FlowRef {
            name: self.name.into(),
            version: self.version,
            hash: self.hash,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    steps: Vec<Step>,
    size: BTreeMap<String, Json>,
}

#[derive(Serialize, Deserialize)]
struct Step {
    id: String,
    title: String,
    kind: StepKindWord,
    needs: Vec<String>,
    each: Option<String>,
    when: Option<String>,
    trigger: TriggerWord,
    retry: Retry,
    access: AccessWord,
    network: NetworkWord,
    agents: Vec<String>,
    model: Option<String>,
    gate: bool,
    timeout_ms: u64,
    idle_timeout_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Retry {
    max: u32,
    base_ms: u64,
    cap_ms: u64,
}

impl Plan {
    pub(super) fn of(plan: &Known) -> Self {
        let Known { steps, size } = plan;
        Self {
            steps: steps.iter().map(Step::of).collect(),
            size: size
                .iter()
                .map(|(name, value)| (name.clone(), encode_value(value)))
                .collect(),
        }
    }

    pub(super) fn restore(self) -> Result<Known, DecodeError> {
        let size = self
            .size
            .into_iter()
            .map(|(name, value)| Ok((name, decode_value(value)?)));
        Ok(Known {
            steps: self
                .steps
                .into_iter()
                .map(Step::restore)
                .collect::<Result<_, _>>()?,
            size: size.collect::<Result<_, DecodeError>>()?,
        })
    }
}

impl Step {
    fn of(step: &PlanStep) -> Self {
        let PlanStep {
            id,
            title,
            kind,
            needs,
            each,
            when,
            trigger,
            retry: KnownRetry { max, base_ms, cap_ms },
            access,
            network,
            agents,
            model,
            gate,
            timeout_ms,
            idle_timeout_ms,
        } = step;
        Self {
            id: id.to_string(),
            title: title.clone(),
            kind: (*kind).into(),
            needs: texts(needs),
            each: each.as_ref().map(|each| each.source().to_owned()),
            when: when.as_ref().map(|when| when.source().to_owned()),
            trigger: (*trigger).into(),
            retry: Retry {
                max: *max,
                base_ms: *base_ms,
                cap_ms: *cap_ms,
            },
            access: (*access).into(),
            network: (*network).into(),
            agents: texts(agents),
            model: model.clone(),
            gate: *gate,
            timeout_ms: *timeout_ms,
            idle_timeout_ms: *idle_timeout_ms,
        }
    }

    fn restore(self) -> Result<PlanStep, DecodeError> {
        let Retry { max, base_ms, cap_ms } = self.retry;
        Ok(PlanStep {
            id: self.id.into(),
            title: self.title,
            kind: self.kind.into(),
            needs: names(self.needs),
            each: self.each.as_deref().map(expression).transpose()?,
            when: self.when.as_deref().map(expression).transpose()?,
            trigger: self.trigger.into(),
            retry: KnownRetry { max, base_ms, cap_ms },
            access: self.access.into(),
            network: self.network.into(),
            agents: names(self.agents),
            model: self.model,
            gate: self.gate,
            timeout_ms: self.timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
        })
    }
}

fn expression(source: &str) -> Result<Expression, DecodeError> {
    Expression::parse(source).map_err(|error| DecodeError::Part("expression", error.to_string()))
}

fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn names(texts: Vec<String>) -> Vec<Name> {
    texts.into_iter().map(Into::into).collect()
}
