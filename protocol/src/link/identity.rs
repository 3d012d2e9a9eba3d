//! Who is who on the link: TLS 1.3 configurations from certificates and keys. Sessions need both certificates, signed
//! by the farm's own CA; enrolment trusts the CA by the fingerprint in the join token.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};

use super::{ALPN, ALPN_ENROL, agent_transport, controller_transport};

/// Why an identity can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A certificate or key that TLS refuses.
    #[error("use this certificate and key")]
    Tls(#[source] rustls::Error),
    /// The CA's certificate can't be a root.
    #[error("use this CA certificate")]
    Authority(#[source] rustls::Error),
    /// Client certificates can't be checked against the CA.
    #[error("check certificates against this CA")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// TLS settings that QUIC refuses.
    #[error("use these TLS settings for QUIC")]
    Quic(#[source] quinn::crypto::rustls::NoInitialCipherSuite),
    /// A key or signing request could not be made.
    #[error("make a key and a signing request")]
    Request(#[source] rcgen::Error),
}

/// What an agent owns after enrolment. All DER; the key is PKCS #8.
#[derive(Clone)]
pub struct AgentIdentity {
    /// The farm's CA.
    pub authority: Vec<u8>,
    /// The agent's certificate.
    pub certificate: Vec<u8>,
    /// The agent's key; never leaves the machine.
    pub key: Vec<u8>,
}

/// What a controller owns. All DER; the key is PKCS #8.
#[derive(Clone)]
pub struct ControllerIdentity {
    /// The farm's CA.
    pub authority: Vec<u8>,
    /// The controller's certificate.
    pub certificate: Vec<u8>,
    /// The controller's key.
    pub key: Vec<u8>,
}

/// A new key and the request to have it signed.
pub struct KeyAndRequest {
    /// PKCS #8, DER.
    pub key: Vec<u8>,
    /// PKCS #10, DER.
    pub request: Vec<u8>,
}

impl KeyAndRequest {
    /// A new Ed25519 key. The names in the request don't matter: the controller gives them.
    ///
    /// # Errors
    /// [`IdentityError::Request`].
    pub fn new() -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(IdentityError::Request)?;
        let request = CertificateParams::new(Vec::new())
            .and_then(|params| params.serialize_request(&key))
            .map_err(IdentityError::Request)?;
        Ok(Self {
            key: key.serialize_der(),
            request: request.der().to_vec(),
        })
    }
}

/// SHA-256 of a certificate.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// The controller's QUIC configuration, for sessions and enrolment. A client without a certificate gets as far as the
/// ALPN [`ALPN_ENROL`]; one with a foreign certificate fails in the handshake.
///
/// # Errors
/// [`IdentityError`] when the identity is unusable.
pub fn controller_server(
    identity: &ControllerIdentity,
) -> Result<quinn::ServerConfig, IdentityError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots(&identity.authority)?),
        provider(),
    )
    .allow_unauthenticated()
    .build()
    .map_err(IdentityError::Verifier)?;
    let chain = vec![
        CertificateDer::from(identity.certificate.clone()),
        CertificateDer::from(identity.authority.clone()),
    ];
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(IdentityError::Tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key(&identity.key))
        .map_err(IdentityError::Tls)?;
    tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_ENROL.to_vec()];
    // A resumed session would take the client's certificate from the ticket without verifying it again.
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    let quic = QuicServerConfig::try_from(tls).map_err(IdentityError::Quic)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(quic));
    config.transport_config(controller_transport());
    Ok(config)
}

/// An enrolled agent's QUIC configuration.
///
/// # Errors
/// [`IdentityError`] when the identity is unusable.
pub fn agent_client(identity: &AgentIdentity) -> Result<quinn::ClientConfig, IdentityError> {
    let chain = vec![CertificateDer::from(identity.certificate.clone())];
    let tls = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(IdentityError::Tls)?
        .with_root_certificates(roots(&identity.authority)?)
        .with_client_auth_cert(chain, key(&identity.key))
        .map_err(IdentityError::Tls)?;
    quic_client(tls, ALPN)
}

/// The QUIC configuration of a machine that enrols: it trusts the CA with this fingerprint and no other.
///
/// # Errors
/// [`IdentityError`].
pub fn enrolment_client(authority: [u8; 32]) -> Result<quinn::ClientConfig, IdentityError> {
    let verifier = Arc::new(TrustFingerprint {
        authority,
        provider: provider(),
    });
    let tls = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(IdentityError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    quic_client(tls, ALPN_ENROL)
}

fn quic_client(mut tls: ClientConfig, alpn: &[u8]) -> Result<quinn::ClientConfig, IdentityError> {
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    let quic = QuicClientConfig::try_from(tls).map_err(IdentityError::Quic)?;
    let mut config = quinn::ClientConfig::new(Arc::new(quic));
    config.transport_config(agent_transport());
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn key(der: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.to_vec()))
}

fn roots(authority: &[u8]) -> Result<RootCertStore, IdentityError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.to_vec()))
        .map_err(IdentityError::Authority)?;
    Ok(roots)
}

/// Trusts the CA at the end of the shown chain when its fingerprint is the token's, and then verifies as usual.
#[derive(Debug)]
struct TrustFingerprint {
    authority: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TrustFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|shown| fingerprint(shown) == self.authority)
            .ok_or_else(|| {
                rustls::Error::General(
                    "the controller's CA is not the one that the join token names".into(),
                )
            })?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
