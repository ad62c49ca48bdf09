"""The phone sets of flite's and festival's voices, in IPA. Phones that are not listed are pauses."""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


ARPABET = _table(
    """aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ eh=ɛ el=əl em=m en=n er=ɝ ey=eɪ ih=ɪ iy=i ow=oʊ oy=ɔɪ uh=ʊ uw=u
    b=b ch=tʃ d=d dh=ð dx=ɾ f=f g=ɡ hh=h hv=ɦ jh=dʒ k=k l=l m=m n=n ng=ŋ nx=n p=p r=ɹ s=s sh=ʃ t=t th=θ v=v w=w y=j z=z
    zh=ʒ"""
)
"""English: CMU's voices and kal, ked."""
CATALAN = _table(
    """ax=ə a=a a1=a e=e e1=e E=ɛ E1=ɛ i=i i1=i o=o o1=o O=ɔ O1=ɔ u=u u1=u j=j w=w b=b d=d f=f g=ɡ J=ɲ k=k l=ɫ L=ʎ m=m n=n
    p=p r=ɾ rr=r s=s S=ʃ t=t z=z Z=ʒ"""
)
"""The Festcat voices of the Universitat Politècnica de Catalunya."""
FINNISH = _table(
    """a=ɑ e=e i=i o=o u=u y=y @=æ 7=ø &=ə p=p t=t k=k b=b d=d g=ɡ f=f T=θ D=ð s=s z=z S=ʃ Z=ʒ h=h v=ʋ m=m n=n N=ŋ l=l L=ʎ
    r=r j=j w=w"""
)
FINNISH |= {f"{phone}:": symbol for phone, symbol in FINNISH.items()}
"""Suopuhe; a colon marks length."""
ITALIAN = _table(
    """i=i e=e E=ɛ a=a o=o O=ɔ u=u i1=i e1=e E1=ɛ a1=a o1=o O1=ɔ u1=u j=j w=w p=p t=t k=k b=b d=d g=ɡ f=f s=s S=ʃ v=v z=z
    Z=ʒ ts=ts tS=tʃ dz=dz dZ=dʒ m=m n=n J=ɲ ng=ŋ nf=ɱ l=l L=ʎ r=r"""
)
CZECH = _table(
    """a=a a:=a e=ɛ e:=ɛ i=ɪ i:=i o=o o:=o u=u u:=u b=b c=ts c~=tʃ ch=x d=d d~=ɟ dz=dz dz~=dʒ f=f g=ɡ h=ɦ j=j k=k l=l m=m
    n=n n*=ŋ n~=ɲ p=p r=r r~=rʒ r~*=rʃ s=s s~=ʃ t=t t~=c v=v z=z z~=ʒ"""
)
INDIC = _table(
    """a=ə aa=a ih=ɪ iy=i uh=ʊ uw=u eh=e ee=e ay=aɪ oh=o oo=o aw=aʊ f=f k=k g=ɡ ch=tʃ T=ʈ D=ɖ N=ɳ th=t dh=d n=n p=p b=b m=m
    y=j r=ɾ l=l v=ʋ L=ɭ R=ɾ s=s sh=ʃ j=dʒ h=ɦ ksh=kʃ sri=ʃri kh=k gh=ɡ td=d tth=t ddh=d bh=b zh=ɻ @=ə w=ʋ"""
)
"""Hindi, Marathi and Telugu, one speaker (NSK)."""
RUSSIAN = _table(
    """ii=i yy=ɨ uu=u ee=e oo=o aa=a a=ɐ e=e i=ɪ y=ɨ u=ʊ ae=ə ay=ə ur=ʊ p=p pp=p b=b bb=b t=t tt=t d=d dd=d k=k kk=k g=ɡ gg=ɡ
    c=ts ch=tɕ f=f ff=f v=v vv=v s=s ss=s z=z zz=z sh=ʂ sch=ɕ zh=ʐ h=x hh=x m=m mm=m n=n nn=n l=ɫ ll=l r=r rr=r j=j"""
)
