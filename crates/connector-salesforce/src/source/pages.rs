//! The pages of a finished query, handed over in their order: downloaded side by side where the org names them (`resultPages`, API version 58 on), one after
//! another where it does not. No more than a few are held at once.

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use model::Failure;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::client::{Call, Client, TRANSFER_TIMEOUT};
use crate::spool::Spool;

/// Pages that are downloaded at once.
const AT_ONCE: usize = 4;
/// Some pages by their addresses, and where the next addresses are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    result_pages: Vec<NamedPage>,
    // One table of the guide has the second name.
    #[serde(default, alias = "nextRecordUrl")]
    next_records_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedPage {
    result_url: String,
}

/// What an address of a page, or of a list of pages, asks for. The call is made of this alone, so that no answer leads elsewhere.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    locator: Option<String>,
    rows: Option<String>,
}

impl Asked {
    fn at(locator: &str) -> Self {
        Self {
            locator: Some(locator.to_owned()),
            rows: None,
        }
    }

    fn of(&self, job: &str, door: &str) -> Call {
        let mut call = Call::get(&["jobs", "query", job, door]);
        for (name, value) in [("locator", &self.locator), ("maxRecords", &self.rows)] {
            if let Some(value) = value {
                call = call.query(name, value);
            }
        }
        call
    }
}

/// The pages from the second on.
type Pages<'a> = BoxStream<'a, Result<Asked, Failure>>;

/// Hands over every page; ends early where nobody takes them any more.
pub(crate) async fn hand_over(
    client: &Client,
    job: &str,
    taker: &mpsc::Sender<Spool>,
) -> Result<(), Failure> {
    let (first, next) = page(client, job, Asked::default()).await?;
    if taker.send(first).await.is_err() {
        return Ok(());
    }
    let Some(next) = next else {
        return Ok(());
    };
    let mut last = Some(next.clone());
    if let Some(named) = named(client, job, &next).await? {
        let pages = named.map_ok(|asked| page(client, job, asked).boxed());
        let mut pages = std::pin::pin!(pages.try_buffered(AT_ONCE));
        while let Some((page, next)) = pages.try_next().await? {
            last = next;
            if taker.send(page).await.is_err() {
                return Ok(());
            }
        }
    }
    // Where none were named, and should the last that was not be the last there is.
    while let Some(locator) = last {
        let (page, next) = page(client, job, Asked::at(&locator)).await?;
        if next.as_ref() == Some(&locator) {
            return Err(unreadable("a page of the query's results leads to itself"));
        }
        last = next;
        if taker.send(page).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn page(
    client: &Client,
    job: &str,
    asked: Asked,
) -> Result<(Spool, Option<String>), Failure> {
    let call = asked.of(job, "results").timeout(TRANSFER_TIMEOUT);
    Spool::page(client, call).await
}

/// The pages from the second on, which is the one at `second`. None where the org does not name them, or names others than it gives one after another.
async fn named<'a>(
    client: &'a Client,
    job: &'a str,
    second: &str,
) -> Result<Option<Pages<'a>>, Failure> {
    let call = Asked::default().of(job, "resultPages");
    let first: Named = match client.json(call).await {
        Ok(first) => first,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut pages = asked_of(&first, job)?;
    let known = pages.get(1).and_then(|asked| asked.locator.as_deref()) == Some(second);
    if !known {
        return Ok(None);
    }
    pages.remove(0);
    let more = stream::try_unfold(first.next_records_url, move |next| async move {
        let Some(next) = next else {
            return Ok(None);
        };
        let asked = asked(&next, job, "resultPages")?;
        let call = asked.of(job, "resultPages");
        let named: Named = client.json(call).await?;
        if named.next_records_url.as_ref() == Some(&next) {
            return Err(unreadable("a list of the query's pages leads to itself"));
        }
        let pages = asked_of(&named, job)?;
        Ok(Some((pages, named.next_records_url)))
    });
    let lists = stream::iter([Ok(pages)]).chain(more);
    let each = |pages: Vec<Asked>| stream::iter(pages.into_iter().map(Ok::<_, Failure>));
    Ok(Some(lists.map_ok(each).try_flatten().boxed()))
}

fn asked_of(named: &Named, job: &str) -> Result<Vec<Asked>, Failure> {
    let pages = named.result_pages.iter();
    pages
        .map(|page| asked(&page.result_url, job, "results"))
        .collect()
}

/// What an address asks for. It has to be one of this job's: the token goes nowhere else.
fn asked(address: &str, job: &str, door: &str) -> Result<Asked, Failure> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    if !path.ends_with(&format!("/jobs/query/{job}/{door}")) {
        return Err(unreadable(
            "the org names a page that is none of the query's",
        ));
    }
    let mut asked = Asked::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_| unreadable("the org names a page by no text"))?;
        match name {
            "locator" => asked.locator = Some(value.into_owned()),
            "maxRecords" => asked.rows = Some(value.into_owned()),
            _ => {
                return Err(unreadable(
                    "the org names a page by something that we do not know",
                ));
            }
        }
    }
    Ok(asked)
}

fn unreadable(message: &str) -> Failure {
    Failure::chunk("results_unreadable", message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_query_are_asked_for() {
        let url = "/services/data/v66.0/jobs/query/750A/results?locator=a%2Bb&maxRecords=7";
        let found = asked(url, "750A", "results").unwrap();
        let wanted = Asked {
            locator: Some("a+b".to_owned()),
            rows: Some("7".to_owned()),
        };
        assert_eq!(found, wanted);
        assert_eq!(
            asked("x/jobs/query/750A/results", "750A", "results"),
            Ok(Asked::default())
        );
        for url in [
            "https://elsewhere.example/?locator=a",
            "/services/data/v66.0/jobs/query/750B/results?locator=a",
            "/services/data/v66.0/jobs/query/750A/results?evil=a",
        ] {
            assert!(asked(url, "750A", "results").is_err(), "{url}");
        }
    }
}
