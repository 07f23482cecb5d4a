use super::*;
use actix_web::test::TestRequest;
use futures::{Stream, stream};
use std::pin::Pin;

const FORM: &str = "multipart/form-data; boundary=\"-limit\"";

/// A form that comes in slices of so many bytes.
fn slices(kind: &str, body: &[u8], slice: usize) -> Result<Parts, FormError> {
    let request = TestRequest::default().insert_header(("content-type", kind)).to_http_request();
    let slices: Vec<_> = body.chunks(slice).map(|slice| Ok(Bytes::copy_from_slice(slice))).collect();
    let slices: Pin<Box<dyn Stream<Item = _>>> = Box::pin(stream::iter(slices));
    Parts::of(&request, Payload::Stream { payload: slices })
}

/// Names, names of files and contents.
async fn all(body: &[u8], slice: usize) -> Result<Vec<(String, String, Vec<u8>)>, FormError> {
    let (mut parts, mut all) = (slices(FORM, body, slice)?, Vec::new());
    while let Some(Part { name, file_name }) = parts.next().await? {
        let mut content = Vec::new();
        while let Some(bytes) = parts.bytes().await? {
            assert!(!bytes.is_empty());
            content.extend_from_slice(&bytes);
        }
        all.push((name, file_name, content));
    }
    Ok(all)
}

fn named(name: &str, file_name: &str, content: &[u8]) -> (String, String, Vec<u8>) {
    (name.into(), file_name.into(), content.into())
}

#[tokio::test]
async fn parts_are_the_same_in_slices_of_any_length() {
    let body = b"words before\r\n---limit \t\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\r\n\
        ---limit\r\nX-Other: 1\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a \xc3\xa4.mp4\"\r\n\
        Content-Type: video/mp4\r\n\r\n\r\n--\r\n---lim\r\r\n---limi\n--limit\r\n\r\n---limit--\r\nwords behind";
    let content = b"\r\n--\r\n---lim\r\r\n---limi\n--limit\r\n";
    for slice in 1..=body.len() {
        let read = all(body, slice).await.unwrap();
        assert_eq!(read, [named("title", "", b""), named("file", "a ä.mp4", content)], "in slices of {slice}");
    }
}

#[tokio::test]
async fn what_is_not_read_of_a_part_is_read_over() {
    let body = b"---limit\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\nmuch\r\n\
        ---limit\r\nContent-Disposition: form-data; name=\"two\"\r\n\r\nmore\r\n---limit--";
    for slice in [1, 7, body.len()] {
        let mut parts = slices(FORM, body, slice).unwrap();
        assert_eq!(parts.next().await.unwrap().unwrap().name, "one");
        assert!(parts.bytes().await.unwrap().is_some());
        assert_eq!(parts.next().await.unwrap().unwrap().name, "two");
        assert_eq!(parts.next().await.unwrap(), None);
        assert_eq!(parts.next().await.unwrap(), None, "it stays at its end");
    }
}

#[tokio::test]
async fn content_is_handed_on_as_it_came() {
    let body = [b"---limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".as_slice(), &[7; 5000]].concat();
    let mut parts = slices(FORM, &body, 1 << 20).unwrap();
    parts.next().await.unwrap();
    let ahead = parts.ahead.as_ptr();
    assert_eq!(parts.bytes().await.unwrap().unwrap().as_ptr(), ahead, "it was copied");
}

#[tokio::test]
async fn what_only_begins_like_a_form_is_refused() {
    let part = |head: &str, end: &str| format!("---limit\r\n{head}\r\n\r\nx\r\n---limit{end}").into_bytes();
    let named = "Content-Disposition: form-data; name=\"file\"";
    for (body, expected) in [
        (part(named, "--and more"), FormError::NoBoundary),
        (part("Content-Disposition: attachment; name=\"file\"", "--"), FormError::NoName),
        (part(&format!("{named}\r\nContent-Type: Multipart/mixed; boundary=x"), "--"), FormError::Nested),
        ([vec![b'x'; MAX_HEAD], part(named, "--")].concat(), FormError::NoBoundary),
    ] {
        for slice in [1, body.len()] {
            let refused = all(&body, slice).await.err().map(|error| error.to_string());
            assert_eq!(refused, Some(expected.to_string()), "in slices of {slice}");
        }
    }
    for end in ["--", "--\r", "--\r\nwords behind", "-- \r\n"] {
        assert_eq!(all(&part(named, end), 1).await.unwrap().len(), 1, "{end:?}");
    }
}

#[tokio::test]
async fn forms_that_are_none_are_refused() {
    for (kind, expected) in [
        ("application/json", FormError::NotAForm),
        ("nothing", FormError::NotAForm),
        ("multipart/form-data", FormError::NoBoundary),
        ("multipart/form-data; boundary=", FormError::NoBoundary),
    ] {
        let refused = slices(kind, b"", 1).err().map(|error| error.to_string());
        assert_eq!(refused, Some(expected.to_string()), "{kind}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    assert!(matches!(slices(&long, b"", 1), Err(FormError::NoBoundary)));
    for (body, expected) in [
        ("", FormError::BrokeOff),
        ("words and no form", FormError::BrokeOff),
        ("---limit", FormError::BrokeOff),
        ("---limit\r\nContent-Disposition: form-data; name=\"file\"\r\n", FormError::BrokeOff),
        ("---limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ncontent\r\n---lim", FormError::BrokeOff),
        ("---limited\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n---limit--", FormError::NoBoundary),
        ("---limit\r\nContent-Type: text/plain\r\n\r\n\r\n---limit--", FormError::NoName),
        ("---limit\r\nContent-Disposition: form-data; filename=\"x\"\r\n\r\n\r\n---limit--", FormError::NoName),
    ] {
        let refused = all(body.as_bytes(), 9).await.unwrap_err();
        assert_eq!(refused.to_string(), expected.to_string(), "{body}");
    }
    let endless = format!("---limit\r\nX: {}", "x".repeat(MAX_HEAD) + "\r\n\r\n");
    for slice in [1000, endless.len()] {
        assert!(matches!(all(endless.as_bytes(), slice).await, Err(FormError::LongHead)));
    }
}
