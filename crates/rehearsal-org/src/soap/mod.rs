//! The SOAP partner API that old clients still speak: `login` opens and ends sessions, `calls` reads and writes
//! records with one, `records` writes them as XML. Of the enterprise API only the sessions.

mod calls;
mod login;
mod records;

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::Value as Json;

use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::Call;
use crate::xml::{Element, parse, write_element, write_text};

/// The most an envelope may hold, in bytes: 200 records.
const MOST: usize = 32 * 1024 * 1024;
const XML: &str = "text/xml; charset=UTF-8";
/// The versions answered.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=67;

/// Why a call is refused, as a fault tells it.
struct Fault {
    /// Empty: what came is no call.
    code: String,
    message: String,
    /// The element of the detail.
    detail: &'static str,
}

impl Fault {
    fn new(code: &str, message: impl Into<String>, detail: &'static str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            detail,
        }
    }

    fn client(message: impl Into<String>) -> Self {
        Self::new("", message, "")
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let text = |name: &str| error.body[0][name].as_str().unwrap_or_default().to_owned();
        let code = text("errorCode");
        let detail = match code.as_str() {
            "MALFORMED_QUERY" => "MalformedQueryFault",
            "MALFORMED_SEARCH" => "MalformedSearchFault",
            "INVALID_FIELD" => "InvalidFieldFault",
            "INVALID_TYPE" => "InvalidSObjectFault",
            "INVALID_QUERY_LOCATOR" => "InvalidQueryLocatorFault",
            _ => "UnexpectedErrorFault",
        };
        Self::new(&code, text("message"), detail)
    }
}

/// A call that was understood.
struct Asked {
    /// `partner` or `enterprise`, as in the namespace.
    kind: &'static str,
    /// `u` or `c`, as in the address.
    api: String,
    /// `64.0`.
    version: String,
    header: Option<Element>,
    operation: Element,
}

impl Asked {
    fn number(&self) -> u32 {
        let whole = self.version.split('.').next();
        whole.and_then(|v| v.parse().ok()).unwrap_or_default()
    }

    /// The text of a header's child.
    fn header(&self, name: &str, child: &str) -> Option<&str> {
        let found = self.header.as_ref()?.child(name)?.child(child)?;
        Some(found.text.trim())
    }

    /// The texts of all the operation's children of this name.
    fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let children = self.operation.children.iter();
        let named = children.filter(move |child| child.name == name);
        named.map(|child| child.text.as_str())
    }

    fn text(&self, name: &str) -> Result<&str, Fault> {
        self.operation
            .child(name)
            .map(|child| child.text.as_str())
            .ok_or_else(|| Fault::client(format!("Required element {name} is missing")))
    }
}

/// `POST /services/Soap/{api}/{version}`, `api` being `u` or `c`.
pub(crate) async fn answer(
    org: &Arc<Org>,
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
    let (api, version) = (api.to_owned(), version.to_owned());
    org.blocking(move |org| {
        let done = asked(&body, kind, api, version).and_then(|asked| {
            let results = perform(org, &asked)?;
            Ok((asked.operation.name, results))
        });
        match done {
            Ok((name, results)) => {
                let body = format!(
                    "{}<{name}Response>{results}</{name}Response>{END}",
                    envelope(kind)
                );
                Reply::whole(StatusCode::OK, XML, body)
            }
            Err(fault) => {
                let body = refusal(&fault, kind);
                Reply::whole(StatusCode::INTERNAL_SERVER_ERROR, XML, body)
            }
        }
    })
    .await
}

fn asked(body: &[u8], kind: &'static str, api: String, version: String) -> Result<Asked, Fault> {
    let mut envelope = parse(body).map_err(Fault::client)?;
    let mut part = |name: &str| {
        let place = envelope.children.iter().position(|c| c.name == name)?;
        Some(envelope.children.swap_remove(place))
    };
    let operation = part("Body")
        .and_then(|body| body.children.into_iter().next())
        .ok_or_else(|| Fault::client("The envelope has no body"))?;
    let asked = Asked {
        kind,
        api,
        version,
        header: part("Header"),
        operation,
    };
    if !VERSIONS.contains(&asked.number()) {
        let message = format!("API version {} is not supported", asked.version);
        return Err(Fault::new(
            "UNSUPPORTED_API_VERSION",
            message,
            "UnexpectedErrorFault",
        ));
    }
    Ok(asked)
}

/// What a call gives: its results as XML.
fn perform(org: &Org, asked: &Asked) -> Result<String, Fault> {
    let name = asked.operation.name.as_str();
    if name == "login" {
        return login::login(org, asked);
    }
    let known = name == "logout" || asked.kind == "partner" && calls::known(name);
    if !known {
        return Err(Fault::client(format!(
            "No operation available for request {name}, please check the WSDL for the service."
        )));
    }
    let token = asked
        .header("SessionHeader", "sessionId")
        .unwrap_or_default();
    if org.auth.check_token(token).is_err() {
        return Err(Fault::new(
            "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session",
            "UnexpectedErrorFault",
        ));
    }
    org.count_call();
    if name == "logout" {
        org.auth.revoke(token);
        return Ok(String::new());
    }
    calls::perform(org, asked)
}

/// The beginning of a reply, up to its body.
fn envelope(kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:{kind}.soap.sforce.com\" xmlns:sf=\"urn:sobject.{kind}.soap.sforce.com\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>"
    )
}

const END: &str = "</soapenv:Body></soapenv:Envelope>";

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

/// Appends what REST tells in JSON as the elements SOAP tells it in: lists as elements of the same name, nothing for
/// null.
fn write_json(name: &str, value: &Json, out: &mut String) {
    match value {
        Json::Null => {}
        Json::Array(all) => all.iter().for_each(|one| write_json(name, one, out)),
        Json::Object(fields) => {
            out.push_str(&format!("<{name}>"));
            for (name, value) in fields {
                write_json(name, value, out);
            }
            out.push_str(&format!("</{name}>"));
        }
        Json::String(text) => write_element(name, text, out),
        Json::Bool(_) | Json::Number(_) => write_element(name, &value.to_string(), out),
    }
}
