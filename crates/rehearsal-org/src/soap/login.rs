//! A session for username and password, and who it is for.

use super::{Asked, Fault};
use crate::furnish::{EMAIL, USERNAME};
use crate::org::Org;
use crate::values::Value;
use crate::xml::{nil, write_element};

/// The newest version that has `login`.
const LAST: u32 = 64;

pub(super) fn login(org: &Org, asked: &Asked) -> Result<String, Fault> {
    if asked.number() > LAST {
        let message = format!("login() is not available in API version {}", asked.version);
        return Err(Fault::new(
            "UNSUPPORTED_API_VERSION",
            message,
            "UnexpectedErrorFault",
        ));
    }
    match (asked.text("username"), asked.text("password")) {
        (Ok(username), Ok(password)) if org.auth.knows(username, password) => {
            Ok(granted(org, asked))
        }
        _ => Err(Fault::new(
            "INVALID_LOGIN",
            "Invalid username, password, security token; or user locked out.",
            "LoginFault",
        )),
    }
}

fn granted(org: &Org, asked: &Asked) -> String {
    let (organization, user) = org.identity();
    let (url, version) = (org.url(), &asked.version);
    let server = |api: &str| format!("{url}/services/Soap/{api}/{version}/{organization}");
    let mut out = String::from("<result>");
    let mut put = |name: &str, text: &str| write_element(name, text, &mut out);
    put("metadataServerUrl", &server("m"));
    put("passwordExpired", "false");
    put("sandbox", "true");
    put("serverUrl", &server(&asked.api));
    put("sessionId", &org.auth.issue(&organization));
    put("userId", &user);
    out.push_str(&format!("<userInfo>{}</userInfo></result>", user_info(org)));
    out
}

/// What is told of the user.
pub(super) fn user_info(org: &Org) -> String {
    let (organization, user) = org.identity();
    let profile = reference(org, "ProfileId");
    let role = reference(org, "UserRoleId");
    let mut out = String::new();
    for (name, text) in [
        ("accessibilityMode", "false"),
        ("chatterExternal", "false"),
        ("currencySymbol", "$"),
        ("orgAttachmentFileSizeLimit", "5242880"),
        ("orgDefaultCurrencyIsoCode", "USD"),
        ("orgDefaultCurrencyLocale", "en_US"),
        ("orgDisallowHtmlAttachments", "false"),
        ("orgHasPersonAccounts", "false"),
        ("organizationId", organization.as_str()),
        ("organizationMultiCurrency", "false"),
        ("organizationName", "Rehearsal Org"),
        ("profileId", profile.as_str()),
        ("roleId", role.as_str()),
        ("sessionSecondsValid", "7200"),
        ("userDefaultCurrencyIsoCode", "USD"),
        ("userEmail", EMAIL),
        ("userFullName", "Rehearsal User"),
        ("userId", user.as_str()),
        ("userLanguage", "en_US"),
        ("userLocale", "en_US"),
        ("userName", USERNAME),
        ("userTimeZone", "GMT"),
        ("userType", "Standard"),
        ("userUiSkin", "Theme3"),
    ] {
        if text.is_empty() {
            nil(name, &mut out);
        } else {
            write_element(name, text, &mut out);
        }
    }
    out
}

/// The record that a field of the user refers to; nothing where there is none.
fn reference(org: &Org, field: &str) -> String {
    let user = org.catalogue.user;
    let field = org.catalogue.at(user.object).field(field);
    let value = field.map(|field| org.read().value(&org.catalogue, user, field).into_owned());
    match value {
        Some(Value::Ref(id)) => org.catalogue.id_text(id),
        _ => String::new(),
    }
}
