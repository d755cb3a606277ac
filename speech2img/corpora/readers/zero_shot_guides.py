"""What ``prepare cub --help`` and ``prepare oxford102 --help`` say: what has to lie where, and where to get it."""

_COMMON = """
Everything is checked before the manifest is written: the lists against each other and against the published numbers,
every picture read to its end, every caption file for its encoding, the split for what stands on both of its sides.
A second call reads only what changed, and says so when a file is no longer what it was. Written are manifest.jsonl,
the split files of the published code (train/filenames.pickle, train/class_info.pickle, train.json; test likewise, val
for our validation pictures, which train's files include), and files.jsonl with the SHA-256 of every file.

--splits DIR takes another split: {train,test}/filenames.pickle of StackGAN, AttnGAN or S2IGAN, train.json and test.json
of Li et al., trainvalclasses.txt and testclasses.txt of Reed et al., or {train,test}_filenames.txt. Such files in the
corpus folder itself are compared with the split in use, and never overwritten while they differ from it.
--recordings DIR takes published recordings of the captions (Li et al.'s CUB_200_2011_audio/audio/<person>/, S2IGAN's
audio/) instead of an engine's: <class>/<picture>_<k>.wav, k from 0, in DIR or below one folder of the speaker. DIR lies
in the corpus folder, or a link to it does. Every recording is read to its end and has to be of a caption; captions
without one are listed, and stay for 'speech2img synthesize'.
char-CNN-RNN-embeddings.pickle in train/ or test/ is checked against filenames.pickle beside it.
"""

CUB_GUIDE = f"""\
Verifies CUB-200-2011 (11,788 photographs, 200 species; 8,855 of 150 for training, 2,933 of 50 never seen there) and
writes its manifest. In the folder there have to be:

  CUB_200_2011/   images.txt, image_class_labels.txt, classes.txt, bounding_boxes.txt, images/: the data set's archive
                  CUB_200_2011.tgz, https://data.caltech.edu/records/65de6-vp158 (non-commercial research)
  text_c10/       ten captions a picture, text_c10/<class>/<picture>.txt: Reed et al.'s cvpr2016_cub.tar.gz, see
                  https://github.com/reedscot/cvpr2016; or text/ or text.zip, as AttnGAN's birds.zip has it, see
                  https://github.com/taoxugit/AttnGAN. They may lie in cvpr2016_cub/, birds/ or CUB_200_2011/ as well.
{_COMMON}"""

OXFORD102_GUIDE = f"""\
Verifies Oxford-102 flowers (8,189 photographs; 7,034 of 82 kinds for training, 1,155 of 20 kinds never seen there) and
writes its manifest. In the folder there have to be:

  jpg/            image_00001.jpg to image_08189.jpg: 102flowers.tgz, https://www.robots.ox.ac.uk/~vgg/data/flowers/102/
  imagelabels.mat, setid.mat   from the same page
  text_c10/       ten captions a picture, text_c10/class_00001/image_06734.txt: Reed et al.'s cvpr2016_flowers.tar.gz,
                  see https://github.com/reedscot/cvpr2016. It may lie in cvpr2016_flowers/ or flowers/ as well.
{_COMMON}"""
