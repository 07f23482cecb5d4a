use super::*;
use actix_web::ResponseError as _;
use actix_web::test::TestRequest;

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let request = fields.iter().fold(TestRequest::default(), |request, field| request.append_header(*field));
    request.to_http_request().headers().clone()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> (u16, String) {
    let error = answer.unwrap_err();
    (error.status_code().as_u16(), error.to_string())
}

fn said(metadata: &str) -> Result<Labels, ApiError> {
    match new_upload(&headers(&[("upload-length", "5"), ("upload-metadata", metadata)]), false)? {
        NewUpload::Begun { labels, .. } => Ok(labels),
        NewUpload::Joined { .. } => unreachable!("nothing was to be joined"),
    }
}

#[test]
fn metadata_names_the_file_and_the_film() {
    for (metadata, file_name, title) in [
        ("", "", None),
        ("filename RmlsbS5ta3Y=", "Film.mkv", None),
        ("filename RmlsbS5ta3Y=,title QSDDhCBmaWxt", "Film.mkv", Some("A Ä film")),
        ("title QSDDhCBmaWxt , is_confidential, filetype dmlkZW8vbXA0", "", Some("A Ä film")),
        ("filename ", "", None),
    ] {
        let labels = said(metadata).unwrap();
        assert_eq!((labels.file_name.as_str(), labels.title.as_deref()), (file_name, title), "{metadata}");
        assert_eq!(labels.said, metadata.trim());
    }
}

#[test]
fn metadata_that_is_none_is_refused() {
    let long = format!("filename {}", "QUFB".repeat(2048));
    for metadata in [
        ",",
        "filename RmlsbS5ta3Y=,",
        "filename RmlsbS5ta3Y",
        "filename Rmls*S5ta3Y=",
        "filename  RmlsbS5ta3Y=",
        "filename RmlsbS5ta3Y= x",
        "title /w==",
        "title QQ==,title QQ==",
        &long,
    ] {
        let (status, why) = refused(said(metadata));
        assert!(status == 400 && why.contains("Upload-Metadata"), "{metadata}: {why}");
    }
}

#[test]
fn an_upload_says_its_length_or_that_it_says_it_later() {
    let read = |fields: &[(&str, &str)]| match new_upload(&headers(fields), false) {
        Ok(NewUpload::Begun { bytes_total, .. }) => Ok(bytes_total),
        Ok(NewUpload::Joined { .. }) => unreachable!("nothing was to be joined"),
        Err(error) => Err(error),
    };
    assert_eq!(read(&[("upload-length", "5")]).unwrap(), Some(5));
    assert_eq!(read(&[("upload-length", "0")]).unwrap(), Some(0));
    assert_eq!(read(&[("upload-defer-length", "1")]).unwrap(), None);
    for fields in [
        &[][..],
        &[("upload-length", "5"), ("upload-defer-length", "1")],
        &[("upload-length", "5"), ("upload-length", "5")],
        &[("upload-defer-length", "0")],
        &[("upload-length", "")],
        &[("upload-length", "+5")],
        &[("upload-length", "-5")],
        &[("upload-length", "5.0")],
        &[("upload-length", "0x5")],
        &[("upload-length", "18446744073709551616")],
        &[("upload-length", "5"), ("upload-concat", "final;/api/uploads/0198c0de-0000-7000-8000-000000000000")],
        &[("upload-length", "5"), ("upload-concat", "Partial")],
    ] {
        assert_eq!(refused(read(fields)).0, 400, "{fields:?}");
    }
}

#[test]
fn parts_are_named_by_their_addresses_and_by_nothing_else() {
    let id = "0198c0de-0000-7000-8000-000000000000";
    let read = |concat: &str| match new_upload(&headers(&[("upload-concat", concat)]), false)? {
        NewUpload::Joined { parts, labels } => Ok((parts, labels.parts)),
        NewUpload::Begun { .. } => unreachable!("something was to be joined"),
    };
    let concat = format!("final;/api/uploads/{id} https://films.example:8443/api/uploads/{id}");
    let (parts, words) = read(&concat).unwrap();
    assert_eq!((parts.len(), words), (2, concat));
    let many = format!("final;{}", format!("/api/uploads/{id} ").repeat(65));
    for concat in [
        "final",
        "final;",
        "final; ",
        "final;/api/uploads/",
        "final;/api/uploads/7",
        &format!("final;{id}"),
        &format!("final;/api/uploads/../{id}"),
        &format!("final;/etc/api/uploads/{id}"),
        &format!("final;https:///evil/api/uploads/{id}"),
        "final;https://films.example",
        &many,
    ] {
        let (status, why) = refused(read(concat));
        assert!(status == 400 && why.contains("Upload-Concat"), "{concat}: {why}");
    }
}

#[test]
fn a_piece_says_its_place_and_has_its_type() {
    let kind = ("content-type", "application/offset+octet-stream");
    assert_eq!(place(&headers(&[kind, ("upload-offset", "7")])).unwrap(), (7, None));
    let late = headers(&[kind, ("upload-offset", "7"), ("upload-length", "9")]);
    assert_eq!(place(&late).unwrap(), (7, Some(9)));
    for (fields, status) in [
        (&[kind][..], 400),
        (&[kind, ("upload-offset", "x")], 400),
        (&[("upload-offset", "7")], 415),
        (&[("upload-offset", "7"), ("content-type", "video/mp4")], 415),
    ] {
        assert_eq!(refused(place(&headers(fields))).0, status, "{fields:?}");
    }
    for (fields, brings) in [
        (&[][..], false),
        (&[("content-length", "0")], false),
        (&[("content-length", "0"), ("content-type", "video/mp4")], false),
        (&[kind], true),
        (&[kind, ("content-length", "5")], true),
    ] {
        assert_eq!(brings_bytes(&headers(fields)).unwrap(), brings, "{fields:?}");
    }
    for fields in [&[("content-length", "5")][..], &[("transfer-encoding", "chunked")]] {
        assert_eq!(refused(brings_bytes(&headers(fields))).0, 415, "{fields:?}");
    }
}
