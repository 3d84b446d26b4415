"""The data sets of the entries: their titles, addresses and licences, as the cards state them."""

DATA_SETS = {
    "mnist": {
        "title": "MNIST handwritten digits (LeCun, Cortes, Burges)",
        "url": "https://www.tensorflow.org/datasets/catalog/mnist",
        "licence": "CC BY-SA 3.0",
    },
    "fashion_mnist": {
        "title": "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017)",
        "url": "https://github.com/zalandoresearch/fashion-mnist",
        "licence": "MIT",
    },
    "glyphs": {
        "title": "Letterforms rendered by kerasgan from the DejaVu and STIX fonts",
        "url": "https://dejavu-fonts.github.io",
        "licence": "Bitstream Vera and SIL OFL 1.1 (fonts)",
    },
    "edges2shoes": {
        "title": "edges2shoes (Yu, Grauman 2014; Isola et al. 2017), 1,000 training pairs",
        "url": "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets",
        "licence": "research use only; the same holds for these weights",
    },
    "facades": {
        "title": "CMP Facade Database (Tyleček, Šára 2013), the split of Isola et al. 2017",
        "url": "https://cmp.felk.cvut.cz/~tylecr1/facade",
        "licence": "CC BY-SA as far as known",
    },
    "shoes2bags": {
        "title": "Shoes and handbags (Yu, Grauman 2014; Zhu et al. 2016), 1,000 training images of each",
        "url": "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets",
        "licence": "research use only; the same holds for these weights",
    },
    "flowers102": {
        "title": "Oxford 102 Flowers (Nilsback, Zisserman 2008) at 64x64",
        "url": "https://www.robots.ox.ac.uk/~vgg/data/flowers/102",
        "licence": "none stated",
    },
    "noto_emoji": {
        "title": "Noto Emoji at 64x64",
        "url": "https://github.com/googlefonts/noto-emoji",
        "licence": "OFL 1.1 (font), Apache-2.0 (images)",
    },
    "birds64": {
        "title": "Caltech-UCSD Birds 200 (Welinder et al. 2010) at 64x64",
        "url": "https://www.vision.caltech.edu/visipedia/CUB-200.html",
        "licence": "non-commercial research; the same holds for these weights",
    },
    "celeba64": {
        "title": "CelebA (Liu et al. 2015) at 64x64, 9,000 images",
        "url": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "licence": "non-commercial research only; the same holds for these weights",
    },
    "moving_glyphs": {
        "title": "Films of moving letters rendered by kerasgan from the DejaVu font",
        "url": "https://dejavu-fonts.github.io",
        "licence": "Bitstream Vera (font)",
    },
    "camvid": {
        "title": "CamVid road scenes (Brostow, Fauqueur, Cipolla 2009) at 256x192, 11 classes",
        "url": "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid",
        "licence": "academic use",
    },
    "coil100": {
        "title": "COIL-100 (Nene, Nayar, Murase 1996) at 64x64, 99 objects",
        "url": "https://www1.cs.columbia.edu/CAVE/software/softlib/coil-100.php",
        "licence": "non-commercial research; the same holds for these weights",
    },
    "tinyimagenet10_32": {
        "title": "Ten classes of Tiny ImageNet (Le, Yang 2015) at 32x32",
        "url": "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        "licence": "terms of ImageNet: non-commercial research",
    },
    "olivetti_faces": {
        "title": "Olivetti faces (AT&T Laboratories Cambridge), 400 images of 40 people",
        "url": "https://scikit-learn.org/stable/datasets/real_world.html#the-olivetti-faces-dataset",
        "licence": "research use",
    },
}
