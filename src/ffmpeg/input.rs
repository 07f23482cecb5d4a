//! What stands before every `-i`: the lists of what may be opened, and the name of the file.
//!
//! A protocol list alone is not enough: a text playlist renamed `.mp4` still reads other local
//! files through a demuxer that opens names. So demuxers that follow references (hls, concat, dash,
//! sdp, rtsp, image2, imf, …) are not on the list, nor are raw and text formats that match anything.

use std::ffi::OsString;
use std::path::Path;

/// The most pixels a picture may have; 8K UHD has 33 million.
pub(super) const MAX_PIXELS: u64 = 64 << 20;

/// Streams a demuxer may find before it gives up. Fonts attached to a film are streams too.
const MAX_STREAMS: u32 = 512;

const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,kux,asf,asf_o,ogg,\
wtv,mxf,gxf,rm,dv,nut,nuv,ivf,swf,nsv,viv,vivo,vc1test,yuv4mpegpipe,obu,h264,hevc,m4v,mp3,aac,ac3,eac3,dts,dtshd,truehd,\
flac,wav,w64,aiff,caf,amr,ape,wv,tta,tak,mpc,mpc8,au,dsf,bink,smk,roq,film_cpk,4xm,idcin,amv,mlv,dhav,ty,pmp,pva";

const CODECS: &str = "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,vp3,vp5,vp6,vp6a,vp6f,vp7,theora,\
mpeg1video,mpeg2video,mpegvideo,mpeg4,msmpeg4,msmpeg4v1,msmpeg4v2,h261,h263,h263i,h263p,flv,wmv1,wmv2,wmv3,vc1,vvc,\
rv10,rv20,rv30,rv40,svq1,svq3,cinepak,indeo2,indeo3,indeo4,indeo5,mjpeg,mjpegb,amv,dvvideo,dnxhd,prores,cfhd,cavs,dirac,\
ffv1,ffvhuff,huffyuv,hymt,utvideo,magicyuv,lagarith,rawvideo,v210,v308,v408,v410,yuv4,r210,qtrle,rpza,smc,8bps,png,apng,\
gif,bmp,tiff,webp,jpeg2000,libopenjpeg,msrle,msvideo1,cljr,tscc,camtasia,tscc2,fraps,flashsv,flashsv2,g2m,zmbv,vmnc,hap,\
dxv,snow,speedhq,truemotion1,truemotion2,smackvid,binkvideo,roqvideo,idcinvideo,4xm,vb,mss1,mss2,screenpresso,nuv,wrapped_avframe,\
aac,aac_fixed,aac_latm,ac3,ac3_fixed,eac3,dca,truehd,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,mp3adu,mp3adufloat,opus,\
libopus,vorbis,libvorbis,flac,alac,ape,als,wavpack,tta,tak,shorten,speex,libspeex,amrnb,amrwb,gsm,gsm_ms,libgsm,libgsm_ms,\
wmav1,wmav2,wmapro,wmalossless,wmavoice,cook,sipr,ralf,real_144,real_288,atrac1,atrac3,atrac3al,atrac3plus,atrac9,qcelp,\
evrc,qdmc,qdm2,nellymoser,mace3,mace6,mpc7,mpc8,dolby_e,s302m,dvaudio,ilbc,g722,g723_1,g726,g726le,g729,truespeech,imc,iac,\
smackaud,binkaudio_dct,binkaudio_rdft,dsd_lsbf,dsd_msbf,dsd_lsbf_planar,dsd_msbf_planar,adpcm_ima_qt,adpcm_ima_wav,\
adpcm_ima_amv,adpcm_ms,adpcm_swf,adpcm_yamaha,adpcm_g722,adpcm_g726,adpcm_4xm,roq_dpcm,pcm_alaw,pcm_mulaw,pcm_bluray,\
pcm_dvd,pcm_lxf,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_s8,pcm_s8_planar,pcm_s16be,\
pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24daud,pcm_s24le,pcm_s24le_planar,pcm_s32be,pcm_s32le,\
pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_u8,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_vidc,\
ass,ssa,srt,subrip,text,mov_text,webvtt,dvbsub,dvdsub,pgssub,xsub,cc_dec,libzvbi_teletextdec,microdvd,stl,subviewer";

/// The protections, without the file: they also serve ffprobe, whose file comes last.
pub(super) fn protections() -> Vec<OsString> {
    protections_for(FORMATS, CODECS)
}

/// The same for files of which it is known that they have one of these formats and codecs.
pub(super) fn protections_for(formats: &str, codecs: &str) -> Vec<OsString> {
    let mut words = Vec::with_capacity(10);
    for (name, value) in
        [("-format_whitelist", formats), ("-protocol_whitelist", "file,pipe"), ("-codec_whitelist", codecs)]
    {
        words.extend([OsString::from(name), OsString::from(value)]);
    }
    words.extend(["-max_pixels".into(), MAX_PIXELS.to_string().into()]);
    words.extend(["-max_streams".into(), MAX_STREAMS.to_string().into()]);
    words
}

/// `file:` and the path, so that no name can be taken for an option or a protocol.
pub(super) fn url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_demuxer_that_opens_other_names_is_on_the_list() {
        let formats: Vec<&str> = FORMATS.split(',').collect();
        for follower in [
            "hls",
            "applehttp",
            "concat",
            "dash",
            "sdp",
            "rtsp",
            "rtp",
            "image2",
            "imf",
            "lavfi",
            "tty",
            "webm_dash_manifest",
            "rpl",
            "vobsub",
        ] {
            assert!(!formats.contains(&follower), "{follower}");
        }
    }

    #[test]
    fn no_list_has_a_blank_in_it() {
        assert!(![FORMATS, CODECS].concat().contains(char::is_whitespace));
    }

    #[test]
    fn a_path_cannot_pass_for_an_option_or_a_protocol() {
        assert_eq!(url(Path::new("/s/-i.mp4")), "file:/s/-i.mp4");
        assert_eq!(url(Path::new("concat:a|b.mp4")), "file:concat:a|b.mp4");
    }
}
