//! Mutual TLS over loopback, with certificates that are made for each test.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

use crate::{
    ConfigError, FailureKind, Http, Method, Operation, Service, Undeclared,
    policy::{Policy, Retry},
};

const SERVICE: Service = Service::new("orders", &["get"]);
const POLICY: Policy = Policy::new(Duration::from_secs(20)).retry(Retry::off());
const GET: Operation = Operation::new(&SERVICE, "get", Method::Get, "/orders", POLICY);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of the authority with its key.
fn issue(authority: &Authority) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

fn identity(authority: &Authority) -> String {
    let (certificate, key) = issue(authority);
    format!("{}{}", certificate.pem(), key.serialize_pem())
}

/// A server that takes nobody without a certificate of the authority.
async fn server(authority: &Authority) -> String {
    let mut trusted = RootCertStore::empty();
    trusted.add(authority.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(trusted))
        .build()
        .unwrap();
    let (certificate, key) = issue(authority);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            if stream.read(&mut [0; 4_096]).await.is_ok() {
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_client_with_a_certificate_is_taken_by_a_service_that_it_trusts() {
    let (ours, other) = (authority(), authority());
    for (root, identified_by, is_taken) in [
        (Some(&ours), Some(&ours), true),
        (Some(&ours), Some(&other), false),
        (Some(&ours), None, false),
        (Some(&other), Some(&ours), false),
        (None, Some(&ours), false),
    ] {
        let url = server(&ours).await;
        let mut builder = Http::builder(&SERVICE)
            .base_url(&url)
            .connect_timeout(Duration::from_secs(10));
        if let Some(root) = root {
            builder = builder.root_certificate_pem(root.pem().as_bytes());
        }
        if let Some(authority) = identified_by {
            builder = builder.identity_pem(identity(authority).as_bytes());
        }
        let http = builder.build().unwrap();
        let result = http.call(&GET).send_empty::<Undeclared>().await;
        assert_eq!(result.is_ok(), is_taken, "{result:?}");
        if let Err(error) = result {
            let kind = error.failure().unwrap().kind();
            let is_network = matches!(kind, FailureKind::Connect(_) | FailureKind::Interrupted(_));
            assert!(is_network, "{kind:?}");
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused_and_not_repeated() {
    let (certificate, key) = issue(&authority());
    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    for (identity, root) in [
        (Some("s3cr3t"), None),
        (Some(&*certificate), None),
        (Some(&*key), None),
        (
            Some("-----BEGIN PRIVATE KEY-----\ns3cr3t!\n-----END PRIVATE KEY-----\n"),
            None,
        ),
        (None, Some("s3cr3t")),
        (None, Some("")),
        (None, Some(&*key)),
    ] {
        let mut builder = Http::builder(&SERVICE).base_url("https://orders");
        if let Some(identity) = identity {
            builder = builder.identity_pem(identity.as_bytes());
        }
        if let Some(root) = root {
            builder = builder.root_certificate_pem(root.as_bytes());
        }
        let error = builder.build().unwrap_err();
        assert!(matches!(error, ConfigError::Pem { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }
    let both = format!("{certificate}{key}");
    let builder = Http::builder(&SERVICE).identity_pem(both.as_bytes());
    assert!(!format!("{builder:?}").contains(&key[28..60]));
}
