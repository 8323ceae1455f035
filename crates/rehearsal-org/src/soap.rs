//! The two SOAP calls that old clients still make: `login` with username and password, and `logout`; answered and
//! refused as the partner and enterprise endpoints do.

use axum::http::StatusCode;

use crate::errors::ApiError;
use crate::org::{EMAIL, Org, USERNAME};
use crate::rest::Reply;
use crate::rest::call::Call;
use crate::xml::{Element, parse, write_element, write_text};

/// The most an envelope may hold, in bytes.
const MOST: usize = 64 * 1024;
const XML: &str = "text/xml; charset=UTF-8";
/// The versions that have `login`.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=64;

/// What a call did.
enum Done {
    Login,
    Logout,
}

/// Why a call is refused, as a fault tells it.
struct Fault {
    code: &'static str,
    message: String,
    /// The element of the detail.
    detail: &'static str,
}

impl Fault {
    fn login(code: &'static str, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            detail: "LoginFault",
        }
    }
}

/// `POST /services/Soap/{api}/{version}`, `api` being `u` or `c`.
pub(crate) async fn answer(
    org: &Org,
    call: Call,
    api: &str,
    version: &str,
) -> Result<Reply, ApiError> {
    call.only("POST")?;
    let kind = match api {
        "u" | "U" => "partner",
        "c" | "C" => "enterprise",
        _ => return Err(ApiError::not_found()),
    };
    let body = call.bytes(MOST).await?;
    Ok(match perform(org, &body, version) {
        Ok(Done::Login) => Reply::whole(StatusCode::OK, XML, granted(org, kind, api, version)),
        Ok(Done::Logout) => {
            let body = format!("{}<logoutResponse/>{END}", envelope(kind));
            Reply::whole(StatusCode::OK, XML, body)
        }
        Err(fault) => {
            let body = refusal(&fault, kind);
            Reply::whole(StatusCode::INTERNAL_SERVER_ERROR, XML, body)
        }
    })
}

fn perform(org: &Org, body: &[u8], version: &str) -> Result<Done, Fault> {
    let number = version.split('.').next().and_then(|v| v.parse().ok());
    if !number.is_some_and(|v: u32| VERSIONS.contains(&v)) {
        return Err(Fault {
            code: "UNSUPPORTED_API_VERSION",
            message: format!("login() is not available in API version {version}"),
            detail: "UnexpectedErrorFault",
        });
    }
    let client = |message: String| Fault {
        code: "",
        message,
        detail: "",
    };
    let envelope = parse(body).map_err(client)?;
    let operation = envelope
        .child("Body")
        .and_then(|body| body.children.first())
        .ok_or_else(|| client("The envelope has no body".to_owned()))?;
    if operation.name == "logout" {
        let header = envelope.child("Header");
        let session = header.and_then(|header| header.child("SessionHeader"));
        let session = session.and_then(|session| session.child("sessionId"));
        let token = session
            .map(|session| session.text.trim())
            .unwrap_or_default();
        if org.auth.check_token(token).is_err() {
            return Err(Fault {
                code: "INVALID_SESSION_ID",
                message: "Invalid Session ID found in SessionHeader: Illegal Session".to_owned(),
                detail: "UnexpectedErrorFault",
            });
        }
        org.auth.revoke(token);
        return Ok(Done::Logout);
    }
    if operation.name != "login" {
        return Err(client(format!(
            "No operation available for request {}, please check the WSDL for the service.",
            operation.name
        )));
    }
    let text = |name: &str| {
        operation
            .child(name)
            .map(|child: &Element| child.text.as_str())
    };
    match (text("username"), text("password")) {
        (Some(username), Some(password)) if org.auth.knows(username, password) => Ok(Done::Login),
        _ => Err(Fault::login(
            "INVALID_LOGIN",
            "Invalid username, password, security token; or user locked out.",
        )),
    }
}

/// The beginning of a reply, up to its body.
fn envelope(kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:{kind}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>"
    )
}

const END: &str = "</soapenv:Body></soapenv:Envelope>";

fn granted(org: &Org, kind: &str, api: &str, version: &str) -> String {
    let (organization, user) = org.identity();
    let url = org.url();
    let server = |api: &str| format!("{url}/services/Soap/{api}/{version}/{organization}");
    let mut out = envelope(kind);
    out.push_str("<loginResponse><result>");
    let mut put = |name: &str, text: &str| write_element(name, text, &mut out);
    put("metadataServerUrl", &server("m"));
    put("passwordExpired", "false");
    put("sandbox", "true");
    put("serverUrl", &server(api));
    put("sessionId", &org.auth.issue(&organization));
    put("userId", &user);
    out.push_str("<userInfo>");
    for (name, text) in [
        ("accessibilityMode", "false"),
        ("currencySymbol", "$"),
        ("organizationId", &organization),
        ("organizationMultiCurrency", "false"),
        ("organizationName", "Rehearsal Org"),
        ("sessionSecondsValid", "7200"),
        ("userDefaultCurrencyIsoCode", "USD"),
        ("userEmail", EMAIL),
        ("userFullName", "Rehearsal User"),
        ("userId", &user),
        ("userLanguage", "en_US"),
        ("userLocale", "en_US"),
        ("userName", USERNAME),
        ("userTimeZone", "GMT"),
        ("userType", "Standard"),
    ] {
        write_element(name, text, &mut out);
    }
    out.push_str("</userInfo></result></loginResponse>");
    out.push_str(END);
    out
}

fn refusal(fault: &Fault, kind: &str) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.{kind}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body><soapenv:Fault>"
    );
    let Fault {
        code,
        message,
        detail,
    } = fault;
    if code.is_empty() {
        write_element("faultcode", "soapenv:Client", &mut out);
        write_element("faultstring", message, &mut out);
    } else {
        write_element("faultcode", &format!("sf:{code}"), &mut out);
        write_element("faultstring", &format!("{code}: {message}"), &mut out);
        out.push_str(&format!(
            "<detail><sf:{detail} xsi:type=\"sf:{detail}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
             <sf:exceptionMessage>"
        ));
        write_text(message, &mut out);
        out.push_str(&format!("</sf:exceptionMessage></sf:{detail}></detail>"));
    }
    out.push_str("</soapenv:Fault>");
    out.push_str(END);
    out
}
