//! Spot checks of a segment: asked for by HEAD and in parts.

use super::Reading;
use crate::check::exchange;
use crate::check::fetch::{Ask, FetchError, Reply, SEGMENT_MAX};
use crate::check::list::Part;
use crate::check::report::Fault;
use crate::check::scan::Scanned;
use reqwest::{Method, Url};

/// A part in the words of a `Range` header.
pub(super) fn range_of(part: Part) -> String {
    format!("bytes={}-{}", part.offset, part.offset.saturating_add(part.len).saturating_sub(1))
}

impl Reading<'_> {
    /// Asks for the segment in every other way and compares with what GET sent.
    pub(super) async fn spot(&mut self, url: &Url, got: &Reply, scanned: &Scanned, part: Option<Part>) {
        match self.asked_around(url, got, scanned, part).await {
            Ok(faults) => self.report.add(url.as_str(), faults),
            Err(error) => self.unavailable(url, &error),
        }
    }

    async fn asked_around(
        &mut self,
        url: &Url,
        got: &Reply,
        scanned: &Scanned,
        part: Option<Part>,
    ) -> Result<Vec<Fault>, FetchError> {
        let mut faults = exchange::caching_faults(got);
        let whole = match part {
            None => got.len,
            // The resource is longer than the part; its length stands behind the slash.
            Some(_) => match got.header("content-range").rsplit('/').next().and_then(|total| total.parse().ok()) {
                Some(whole) => whole,
                None => return Ok(faults),
            },
        };
        let head = Ask { method: Method::HEAD, ..Ask::get(url, SEGMENT_MAX) };
        let head = self.fetcher.ask(&head, |_| {}).await?;
        let as_whole = Reply { status: 200, ..got.clone() };
        faults.extend(exchange::head_faults(&as_whole, whole, &head));

        let count = (scanned.first.len() as u64).min(whole);
        if part.is_none() && count > 0 {
            let first = (format!("bytes=0-{}", count - 1), 0, &scanned.first);
            let last = (format!("bytes=-{count}"), whole - count, &scanned.last);
            for (range, offset, bytes) in [first, last] {
                let (reply, body) = self.fetcher.read(&Ask::get(url, SEGMENT_MAX).with_range(range)).await?;
                let wrong = exchange::part_faults(&reply, offset, count, Some(whole));
                if wrong.is_empty() && body != *bytes {
                    faults.push(Fault::new("RFC 9110 15.3.7", "a part holds other bytes than the whole does there"));
                }
                faults.extend(wrong);
            }
        }
        let beyond = Ask::get(url, SEGMENT_MAX).with_range(format!("bytes={whole}-"));
        let beyond = self.fetcher.ask(&beyond, |_| {}).await?;
        faults.extend(exchange::beyond_fault(&beyond, whole));
        Ok(faults)
    }
}
