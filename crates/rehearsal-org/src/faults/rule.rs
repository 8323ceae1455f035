//! Which calls fail, how often, and how: a rule as it is ordered, and its reading from a document.

use serde::{Deserialize, Serialize};

use super::amount::Share;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// Answered with this HTTP status and the body the platform gives with it, without acting. 503 comes with HTML.
    Status(u16),
    /// Answered with 429 and `Retry-After`, in seconds, without acting.
    Throttled(u32),
    /// Answered with the 403 of too many calls at the same time, without acting.
    ConcurrentLimit,
    /// The connection is dropped before the call is acted on.
    DropBefore,
    /// The call is acted on, then the connection is dropped without an answer: the client can't know.
    DropAfter,
}

/// Calls that suffer a fault: `times` of them, or each by a chance, or by that chance until it was so often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct CallRule {
    /// What happens to them.
    pub fault: CallFault,
    /// Their HTTP method; empty: any.
    pub method: String,
    /// What their path contains, with single slashes and without the query; empty: any.
    pub path: String,
    /// How many; `None`: as many as chance has it.
    pub times: Option<u32>,
    /// By which chance; `None`: each.
    pub share: Option<Share>,
}

impl CallRule {
    pub(super) fn new(fault: CallFault) -> Self {
        Self {
            fault,
            method: String::new(),
            path: String::new(),
            times: None,
            share: None,
        }
    }

    pub(super) fn covers(&self, method: &str, path: &str) -> bool {
        self.times != Some(0)
            && (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && path.contains(&self.path)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.times.is_none() && self.share.is_none() {
            return Err("a fault of calls needs times (a number) or share (such as 1%)".to_owned());
        }
        if !self.path.is_empty() && !self.path.starts_with('/') {
            return Err(format!("the path {:?} must begin with a slash", self.path));
        }
        Ok(())
    }
}

/// A rule as JSON has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fault: Fault,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<Share>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Fault {
    Status(u16),
    Named(String),
}

/// Reads `503`, `drop-before`, `drop-after`, `concurrent-limit`.
pub(super) fn fault(text: &str) -> Result<CallFault, String> {
    match text {
        "drop-before" => Ok(CallFault::DropBefore),
        "drop-after" => Ok(CallFault::DropAfter),
        "concurrent-limit" => Ok(CallFault::ConcurrentLimit),
        other => match other.parse::<u16>() {
            Ok(status) => status_fault(status),
            Err(_) => Err(format!(
                "{other:?} is no fault of a call; there are drop-before, drop-after, concurrent-limit and an HTTP \
                 status from 400 to 599"
            )),
        },
    }
}

fn status_fault(status: u16) -> Result<CallFault, String> {
    if (400..600).contains(&status) {
        Ok(CallFault::Status(status))
    } else {
        Err(format!(
            "{status} is no status of a failure; they are from 400 to 599"
        ))
    }
}

impl TryFrom<Written> for CallRule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut fault = match &written.fault {
            Fault::Status(status) => status_fault(*status)?,
            Fault::Named(name) => self::fault(name)?,
        };
        if let Some(seconds) = written.retry_after {
            if fault != CallFault::Status(429) {
                return Err("retry_after belongs to the fault 429".to_owned());
            }
            fault = CallFault::Throttled(seconds);
        }
        let rule = Self {
            fault,
            method: written.method,
            path: written.path,
            times: written.times,
            share: written.share,
        };
        rule.check()?;
        Ok(rule)
    }
}

impl From<CallRule> for Written {
    fn from(rule: CallRule) -> Self {
        let named = |name: &str| Fault::Named(name.to_owned());
        let (fault, retry_after) = match rule.fault {
            CallFault::Status(status) => (Fault::Status(status), None),
            CallFault::Throttled(seconds) => (Fault::Status(429), Some(seconds)),
            CallFault::ConcurrentLimit => (named("concurrent-limit"), None),
            CallFault::DropBefore => (named("drop-before"), None),
            CallFault::DropAfter => (named("drop-after"), None),
        };
        Self {
            fault,
            retry_after,
            method: rule.method,
            path: rule.path,
            times: rule.times,
            share: rule.share,
        }
    }
}
