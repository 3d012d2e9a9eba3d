//! The farm's certificate authority and the link's lasting keys, in one folder. It signs what it is told to sign; who may
//! be a node is `farm`'s to say. The two QUIC keys are kept so that agents notice a restart of the controller at their next
//! packet: with the same connection-id key it recognises their packets, with the same reset key they believe its answer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flatrender_protocol::NodeId;
use flatrender_protocol::link::{self, CONTROLLER_NAME, ControllerIdentity, IdentityError};
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;
use rand::RngCore;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ED25519, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use super::files;
use crate::farm::Signed;

const KEY_FILE: &str = "ca.key.pem";
const CERTIFICATE_FILE: &str = "ca.pem";
const LINK_KEYS_FILE: &str = "link.key";
/// Every name the CA may sign ends so.
const DOMAIN: &str = "flatrender.internal";
/// How wrong the clock of an agent may be.
const CLOCK_SKEW: Duration = Duration::days(1);
const AUTHORITY_LASTS: Duration = Duration::days(30 * 365);
const CONTROLLER_LASTS: Duration = Duration::days(90);
const NODE_LASTS: Duration = Duration::days(30);
const RESET_KEY_BYTES: usize = 32;
const LINK_KEYS_BYTES: usize = RESET_KEY_BYTES + 8;

/// The farm's CA.
pub struct Authority {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    reset_key: [u8; RESET_KEY_BYTES],
    connection_id_key: u64,
}

/// Why there is no usable CA, or why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or the folder can't be used.
    #[error("use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others can read a key.
    #[error("use {path}: others than its owner may read it; run: chmod 600 {path}")]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// A file holds something else.
    #[error("use {path}: it is not {expected}; restore it from a backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What should stand there.
        expected: &'static str,
    },
    /// The certificate is there, its key is not.
    #[error("find {key}: {certificate} is there, but its key is gone; restore it from a backup")]
    KeyGone {
        /// The key's place.
        key: PathBuf,
        /// The certificate's place.
        certificate: PathBuf,
    },
    /// A key or certificate could not be made.
    #[error("sign a certificate")]
    Sign(#[source] rcgen::Error),
    /// A signing request that can't be read or is not signed by its key.
    #[error("read the signing request")]
    Request(#[source] rcgen::Error),
    /// TLS refuses what was made.
    #[error("use the controller's own certificate")]
    Identity(#[from] IdentityError),
}

impl Authority {
    /// Opens the CA in `folder`; makes folder and CA when they are missing.
    ///
    /// # Errors
    /// [`AuthorityError`], naming the file.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        files::make_folder(folder).map_err(at(folder))?;
        let (key, certificate) = key_and_certificate(folder)?;
        let der = CertificateDer::from(certificate.clone());
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(AuthorityError::Sign)?;
        let keys = link_keys(&folder.join(LINK_KEYS_FILE))?;
        let (reset_key, id_key) = keys
            .split_first_chunk::<RESET_KEY_BYTES>()
            .expect("the array is longer");
        let id_key = id_key.try_into().expect("8 bytes are left");
        Ok(Self {
            certificate,
            issuer,
            reset_key: *reset_key,
            connection_id_key: u64::from_be_bytes(id_key),
        })
    }

    /// SHA-256 of the CA's certificate: what join tokens carry.
    pub fn fingerprint(&self) -> [u8; 32] {
        link::fingerprint(&self.certificate)
    }

    /// The CA's certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Signs a node's certificate: the key of the signing request (PKCS #10, DER), and names of our own.
    ///
    /// # Errors
    /// [`AuthorityError::Request`] when the request can't be used.
    pub fn sign_node(&self, node: NodeId, request: &[u8]) -> Result<Signed, AuthorityError> {
        let request = CertificateSigningRequestParams::from_der(&request.into())
            .map_err(AuthorityError::Request)?;
        let name = format!("{node}.node.{DOMAIN}");
        let params = leaf(&name, ExtendedKeyUsagePurpose::ClientAuth, NODE_LASTS)?;
        let signed = params
            .signed_by(&request.public_key, &self.issuer)
            .map_err(AuthorityError::Sign)?;
        Ok(Signed {
            certificate: signed.der().to_vec(),
            fingerprint: link::fingerprint(signed.der()),
            not_after: params.not_after,
        })
    }

    /// The QUIC configuration of the controller with a new key and certificate, good for 90 days.
    pub(super) fn server_config(&self) -> Result<quinn::ServerConfig, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(AuthorityError::Sign)?;
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        let signed = leaf(CONTROLLER_NAME, purpose, CONTROLLER_LASTS)?
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Sign)?;
        Ok(link::controller_server(&ControllerIdentity {
            authority: self.certificate.clone(),
            certificate: signed.der().to_vec(),
            key: key.serialize_der(),
        })?)
    }

    /// The endpoint's settings with the keys that outlive a restart.
    pub(super) fn endpoint_config(&self) -> quinn::EndpointConfig {
        let mut config = quinn::EndpointConfig::new(Arc::new(ResetKey(self.reset_key)));
        let key = self.connection_id_key;
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
        config
    }
}

/// Keyed BLAKE3 as the MAC behind stateless reset tokens.
struct ResetKey([u8; RESET_KEY_BYTES]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let given = blake3::Hash::from_slice(signature).map_err(|_| CryptoError)?;
        // Compares in constant time.
        if blake3::keyed_hash(&self.0, data) == given {
            Ok(())
        } else {
            Err(CryptoError)
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

/// The CA's key and certificate (DER). The key is written first: a key without a certificate is a first start that was cut
/// short, and nobody has seen the certificate yet.
fn key_and_certificate(folder: &Path) -> Result<(KeyPair, Vec<u8>), AuthorityError> {
    let key_path = folder.join(KEY_FILE);
    let certificate_path = folder.join(CERTIFICATE_FILE);
    let certificate = files::read(&certificate_path).map_err(at(&certificate_path))?;
    let Some(key) = read_secret(&key_path)? else {
        if certificate.is_some() {
            return Err(AuthorityError::KeyGone {
                key: key_path,
                certificate: certificate_path,
            });
        }
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(AuthorityError::Sign)?;
        files::write(&key_path, key.serialize_pem().as_bytes(), files::SECRET)
            .map_err(at(&key_path))?;
        let made = make_certificate(&key, &certificate_path)?;
        return Ok((key, made));
    };
    let damaged = |path: &Path, expected| AuthorityError::Damaged {
        path: path.to_owned(),
        expected,
    };
    let key = std::str::from_utf8(&key)
        .ok()
        .and_then(|text| KeyPair::from_pem(text).ok())
        .ok_or_else(|| damaged(&key_path, "a private key as PEM"))?;
    let Some(certificate) = certificate else {
        let made = make_certificate(&key, &certificate_path)?;
        return Ok((key, made));
    };
    let der = CertificateDer::from_pem_slice(&certificate)
        .map_err(|_| damaged(&certificate_path, "a certificate as PEM"))?;
    let public = key.public_key_raw();
    if !der.windows(public.len()).any(|bytes| bytes == public) {
        return Err(damaged(&certificate_path, "the certificate of ca.key.pem"));
    }
    Ok((key, der.to_vec()))
}

fn make_certificate(key: &KeyPair, path: &Path) -> Result<Vec<u8>, AuthorityError> {
    let mut params = CertificateParams::default();
    let number: [u8; 4] = random();
    let name = format!("FlatRender farm {}", hex::encode(number));
    params.distinguished_name = common_name(&name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(DOMAIN.to_owned())],
        excluded_subtrees: Vec::new(),
    });
    valid_for(&mut params, AUTHORITY_LASTS);
    let made = params.self_signed(key).map_err(AuthorityError::Sign)?;
    files::write(path, made.pem().as_bytes(), files::PUBLIC).map_err(at(path))?;
    Ok(made.der().to_vec())
}

fn leaf(
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
    lasts: Duration,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(AuthorityError::Sign)?;
    params.distinguished_name = common_name(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, lasts);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn valid_for(params: &mut CertificateParams, lasts: Duration) {
    let now = OffsetDateTime::now_utc();
    let second = now.replace_nanosecond(0).unwrap_or(now);
    let mut serial: [u8; 16] = random();
    // Positive, and no leading zero to be cut.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = second - CLOCK_SKEW;
    params.not_after = second + lasts;
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn read_secret(path: &Path) -> Result<Option<Vec<u8>>, AuthorityError> {
    let Some(bytes) = files::read(path).map_err(at(path))? else {
        return Ok(None);
    };
    if files::is_open_to_others(path).map_err(at(path))? {
        return Err(AuthorityError::Exposed {
            path: path.to_owned(),
        });
    }
    Ok(Some(bytes))
}

fn link_keys(path: &Path) -> Result<[u8; LINK_KEYS_BYTES], AuthorityError> {
    match read_secret(path)? {
        Some(bytes) => bytes.try_into().map_err(|_| AuthorityError::Damaged {
            path: path.to_owned(),
            expected: "40 random bytes; or delete it, then a new one is made",
        }),
        None => {
            let keys = random();
            files::write(path, &keys, files::SECRET).map_err(at(path))?;
            Ok(keys)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use flatrender_protocol::link::KeyAndRequest;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_was_made_is_found_again_and_nobody_else_reads_it() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("authority");
        let first = Authority::open(&folder).unwrap();
        let again = Authority::open(&folder).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.reset_key, again.reset_key);
        assert_eq!(first.connection_id_key, again.connection_id_key);
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(KEY_FILE)), 0o600);
        assert_eq!(mode(&folder.join(LINK_KEYS_FILE)), 0o600);
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let path = folder.path().join(KEY_FILE);
        files::write(&path, key.serialize_pem().as_bytes(), files::SECRET).unwrap();
        let finished = Authority::open(folder.path()).unwrap();
        let again = Authority::open(folder.path()).unwrap();
        assert_eq!(finished.fingerprint(), again.fingerprint());
        assert_eq!(again.issuer.key().public_key_raw(), key.public_key_raw());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Authority::open(folder.path()).unwrap();
        let key = folder.path().join(KEY_FILE);
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        let refused = Authority::open(folder.path()).err().unwrap();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_lost_or_foreign_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        Authority::open(folder.path()).unwrap();
        Authority::open(other.path()).unwrap();
        let key = folder.path().join(KEY_FILE);
        std::fs::copy(other.path().join(KEY_FILE), &key).unwrap();
        let error = Authority::open(folder.path()).err().unwrap();
        assert!(matches!(error, AuthorityError::Damaged { .. }), "{error}");
        std::fs::remove_file(&key).unwrap();
        let error = Authority::open(folder.path()).err().unwrap();
        assert!(matches!(error, AuthorityError::KeyGone { .. }), "{error}");
    }

    #[test]
    fn only_the_key_of_a_signing_request_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut wishes = CertificateParams::new(vec![CONTROLLER_NAME.to_owned()]).unwrap();
        wishes.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let request = wishes.serialize_request(&key).unwrap();
        let node = NodeId::new();
        let signed = authority.sign_node(node, request.der()).unwrap();
        let holds = |text: &str| {
            let bytes = text.as_bytes();
            signed
                .certificate
                .windows(bytes.len())
                .any(|at| at == bytes)
        };
        assert!(holds(&format!("{node}.node.flatrender.internal")));
        assert!(!holds(CONTROLLER_NAME));
        assert_eq!(signed.fingerprint, link::fingerprint(&signed.certificate));
        let days = (signed.not_after - OffsetDateTime::now_utc()).whole_hours() / 24;
        assert_eq!(days, 29);
    }

    #[test]
    fn a_signing_request_that_is_none_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let mut request = KeyAndRequest::new().unwrap().request;
        *request.last_mut().unwrap() ^= 1;
        for wrong in [&b"hello"[..], &request] {
            let error = authority.sign_node(NodeId::new(), wrong).unwrap_err();
            assert!(matches!(error, AuthorityError::Request(_)), "{error}");
        }
    }

    #[test]
    fn reset_tokens_verify_with_their_key_only() {
        let (key, other) = (ResetKey([1; 32]), ResetKey([2; 32]));
        let mut signature = vec![0; key.signature_len()];
        key.sign(b"an id", &mut signature);
        assert!(key.verify(b"an id", &signature).is_ok());
        assert!(key.verify(b"another", &signature).is_err());
        assert!(other.verify(b"an id", &signature).is_err());
        assert!(key.verify(b"an id", &signature[..16]).is_err());
    }
}
