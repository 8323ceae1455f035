//! Addresses of orgs and login hosts, and the API's version: as people write them, and as logins answer them.

use model::Failure;
use reqwest::Url;

/// The org's own address, as a setting: scheme, host and port, without a slash at the end.
pub(crate) fn instance(url: &str) -> Result<String, Failure> {
    let url = host("instance_url", url)?;
    if is_open(&url) {
        tracing::warn!("the org's address is not secured by TLS: the login travels in the open");
    }
    Ok(url.origin().ascii_serialization())
}

/// Where a login is granted, as a setting. A secret is sent there, so that it is secured or on this machine.
pub(crate) fn login(url: &str) -> Result<String, Failure> {
    let url = host("login_url", url)?;
    if is_open(&url) {
        return Err(wrong("login_url", "is not https"));
    }
    Ok(url.origin().ascii_serialization())
}

/// The org's own address, as a login answers it. Nobody has looked at it, so that it is secured or on this machine.
pub(crate) fn answered(url: &str) -> Result<String, Failure> {
    host("instance_url", url)
        .ok()
        .filter(|url| !is_open(url))
        .map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| {
            Failure::pause(
                "wrong_instance_url",
                "the login's answer names an address of the org that is not https and a host alone",
            )
            .hint("give the connection the org's own address as `instance_url`; then resume")
        })
}

/// Whether what is sent there can be read on the way.
fn is_open(url: &Url) -> bool {
    let local = url
        .host_str()
        .is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    url.scheme() == "http" && !local
}

/// The address is not repeated: it might hold a password.
fn wrong(setting: &str, what: &str) -> Failure {
    let way_out = match setting {
        "login_url" => {
            "it is https://login.salesforce.com, https://test.salesforce.com for a sandbox, or https://<my domain>.my.salesforce.com"
        }
        _ => "it is the org's own address alone, https://<my domain>.my.salesforce.com",
    };
    Failure::usage(format!("wrong_{setting}"), format!("`{setting}` {what}")).hint(way_out)
}

fn host(setting: &str, url: &str) -> Result<Url, Failure> {
    let url = Url::parse(url.trim())
        .map_err(|error| wrong(setting, &format!("is no address: {error}")))?;
    if !["https", "http"].contains(&url.scheme()) {
        return Err(wrong(setting, "is neither https nor http"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(setting, "names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(setting, "holds a user or password"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(setting, "goes on after the host"));
    }
    Ok(url)
}

pub(crate) fn version(api_version: &str) -> Result<String, Failure> {
    let version = api_version.trim().trim_start_matches('v');
    let wrong = |what: &str| {
        Failure::usage(
            "wrong_api_version",
            format!("`api_version` `{version}` {what}"),
        )
        .hint("leave it out, or write it as \"66.0\"")
    };
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major.parse::<u32>(), minor) {
        (Ok(..47), "0") => Err(wrong("is older than what this connector needs (47.0)")),
        (Ok(major), "0") => Ok(format!("{major}.0")),
        _ => Err(wrong("is no version")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_host_alone() {
        assert_eq!(
            instance(" https://X.my.salesforce.com/ ").unwrap(),
            "https://x.my.salesforce.com"
        );
        assert_eq!(
            instance("http://127.0.0.1:8080").unwrap(),
            "http://127.0.0.1:8080"
        );
        for wrong in [
            "x.my.salesforce.com",
            "ftp://x",
            "https://u:p@x.com",
            "https://x.com/services",
            "https://x.com/?a=b",
        ] {
            let failure = instance(wrong).unwrap_err();
            assert_eq!(failure.code, "wrong_instance_url");
            assert!(!failure.message.contains("u:p"), "{failure}");
            assert_eq!(login(wrong).unwrap_err().code, "wrong_login_url");
            assert!(answered(wrong).is_err());
        }
    }

    #[test]
    fn secrets_travel_secured_or_on_this_machine() {
        for secured in [
            "https://test.salesforce.com",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert_eq!(login(secured).unwrap(), secured);
            assert_eq!(answered(secured).unwrap(), secured);
        }
        assert_eq!(
            login("http://test.salesforce.com").unwrap_err().code,
            "wrong_login_url"
        );
        assert_eq!(
            answered("http://x.my.salesforce.com").unwrap_err().kind,
            model::FailureKind::PauseRun
        );
    }

    #[test]
    fn versions_are_read_as_people_write_them() {
        assert_eq!(version("v66.0").unwrap(), "66.0");
        assert_eq!(version("58").unwrap(), "58.0");
        for wrong in ["30.0", "latest", "66.5", ""] {
            assert_eq!(version(wrong).unwrap_err().code, "wrong_api_version");
        }
    }
}
