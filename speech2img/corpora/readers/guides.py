"""Help of ``prepare``: what has to lie where, and where to get it, for each published corpus."""

_WRITTEN_COMMON = """
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
{_WRITTEN_COMMON}"""

CUB100_GUIDE = """\
Makes a corpus of CUB photographs, with the ten captions a picture that people wrote (Reed et al. 2016), out of files of
the project's data folder:

  --photographs crops   cub100_crops227.zip, cub100_crop_names.csv: 4,540 photographs of 89 species, cropped to the box
                        and squashed to 227 x 227, for 128 px; 12 species are never seen in training
  --photographs whole   cub20_photos_crop304.zip: 1,185 photographs of 20 species, StackGAN's crop, for 256 px; 8
                        species are never seen in training
  captions              text/cub_text_c10.tar.xz

561 pictures are in both sets, so each set has a folder (--root) and a manifest of its own, and the part of a picture
goes by its name: train, val and test_seen of the training species (84, 8, 8 %), test of the others. A model trained on
one set may be tested on the other. --captions written has the captions that this corpus had before (crops only, with
cub_meta.zip and text/cub_concept_labels_210.json in the place of names and captions); its parts are drawn by the seed
and are not those of the other sets. A folder prepared before keeps its written captions, and results say so.
"""

OXFORD102_GUIDE = f"""\
Verifies Oxford-102 flowers (8,189 photographs; 7,034 of 82 kinds for training, 1,155 of 20 kinds never seen there) and
writes its manifest. In the folder there have to be:

  jpg/            image_00001.jpg to image_08189.jpg: 102flowers.tgz, https://www.robots.ox.ac.uk/~vgg/data/flowers/102/
  imagelabels.mat, setid.mat   from the same page
  text_c10/       ten captions a picture, text_c10/class_00001/image_06734.txt: Reed et al.'s cvpr2016_flowers.tar.gz,
                  see https://github.com/reedscot/cvpr2016. It may lie in cvpr2016_flowers/ or flowers/ as well.
{_WRITTEN_COMMON}"""

FLICKR8K_PAGE = "nlp.cs.illinois.edu/HockenmaierGroup/Framing_Image_Description/KCCA.html"
FLICKR_AUDIO_PAGE = "groups.csail.mit.edu/sls/downloads/flickraudio"
PLACES_AUDIO_PAGE = "groups.csail.mit.edu/sls/downloads/placesaudio"
PLACES205_PAGE = "places.csail.mit.edu"

_SPOKEN_COMMON = """
Nothing of the authors' files is changed. Before the manifest is written, the lists are checked against each other and
against the published numbers, and every picture and recording is read to its end; an interrupted call resumes where it
was. --leave-out-unusable leaves damaged files out and says how many. What stands on both sides of the split is told:
pictures, recordings, speakers (those who never speak in training are marked as unseen voices)."""

FLICKR8K_GUIDE = f"""\
Verifies Flickr8k with its spoken captions (8,000 photographs: 6,000 train, 1,000 val, 1,000 test; five captions each,
all read aloud by people) and writes its manifest. In the folder there have to be:

  Flicker8k_Dataset/   the photographs: Flickr8k_Dataset.zip, asked for at {FLICKR8K_PAGE}
                       (for research, with citation of Hodosh, Young, Hockenmaier 2013)
  Flickr8k_text/       Flickr8k.token.txt, Flickr_8k.trainImages.txt, .devImages.txt, .testImages.txt: Flickr8k_text.zip
                       from the same page
  flickr_audio/        wavs/, wav2capt.txt, wav2spk.txt: flickr_audio.tar.gz, {FLICKR_AUDIO_PAGE}
                       (CC BY-SA; Harwath, Glass 2015)

--download fetches the recordings (4.2 GB). Without them, --text-only takes the captions for an engine to speak. Each
picture is a class of its own.
{_SPOKEN_COMMON}"""

PLACES_GUIDE = f"""\
Verifies the Places Audio Captions (400,000 photographs of 205 kinds of places, described aloud by people; words by a
speech recogniser) or, with --subset rooms, the seven kinds of rooms that Li et al. and S2IGAN took from them, and
writes the manifest. In the folder there have to be:

  PlacesAudio_400k_distro/   metadata/ and wavs/: {PLACES_AUDIO_PAGE}
                             (for research, with citation of Harwath, Torralba, Glass 2016)
  images/                    the photographs of Places205 (b/bedroom/gsun_....jpg), asked for at {PLACES205_PAGE}

Of metadata, the lists of 2020 (train_2020.json, dev_*_2020.json, test_*_2020.json) are taken where they are, else
train.json and val.json: val.json, on which the papers report, is the test part, and 1,000 training pictures are drawn
for validation. With --subset rooms, --splits DIR takes S2IGAN's {{train,test}}/filenames.pickle or Li et al.'s JSON
files; without it a fifth of the rooms is drawn for the test, which is not the published split.
{_SPOKEN_COMMON}"""
